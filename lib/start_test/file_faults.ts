/** Whether a start could write its files, determined without creating or changing any. */

import { codeOf, systemReason } from "../base/errors.ts";
import { cLibrary } from "../native/c_library.ts";
import { cString } from "../native/memory.ts";

/** Modes of access(2). */
const EXECUTE = 1, WRITE = 2;

/**
 * Why a file cannot be appended to, or be created if it is missing.
 *
 * @param path An absolute path.
 * @returns The reason as strerror(3) has it; `undefined` if it can.
 */
export function appendFault(path: string): string | undefined {
  try {
    const info = Deno.statSync(path);
    // Opening a pipe or a device may have effects.
    if (info.isFile || info.isDirectory) Deno.openSync(path, { append: true }).close();
    return undefined;
  } catch (error) {
    return isMissing(error) ? writeFault(path) : systemReason(error);
  }
}

/** The same for a file that is replaced by a new one, except a pipe or a device. */
export function replaceFault(path: string): string | undefined {
  try {
    const info = Deno.statSync(path);
    if (!info.isFile) return info.isDirectory ? "Is a directory" : undefined;
  } catch (error) {
    if (!isMissing(error)) return systemReason(error);
  }
  return writeFault(path);
}

/** Why a file cannot be created and written, as far as its directory decides that. */
export function writeFault(path: string): string | undefined {
  try {
    // The runtime may refuse to open what the system would open. There is no such file.
    Deno.openSync(`${path}.${Deno.pid}.test`, { write: true }).close();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return systemReason(error);
  }
  return createFault(path);
}

/** Why a directory takes no new entries. */
export function createFault(path: string): string | undefined {
  const directory = path.slice(0, path.lastIndexOf("/")) || "/";
  try {
    if (!Deno.statSync(directory).isDirectory) return "Not a directory";
  } catch (error) {
    return systemReason(error);
  }
  // Without the C library, it is not known.
  if (cLibrary()?.access(cString(directory), WRITE | EXECUTE) !== -1) return undefined;
  // Permissions do not keep root from writing.
  return Deno.uid() === 0 ? "Read-only file system" : "Permission denied";
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || codeOf(error) === "ENOENT";
}
