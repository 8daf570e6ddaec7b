/** The file of `--pid-file`. */

import { codeOf, EXIT, ExitError, systemReason, UsageError, withName } from "../base/errors.ts";
import { absolutePath } from "../native/absolute_path.ts";
import { removeIfThere } from "../system/unix_socket.ts";

const FILE_MODE = 0o644;

/** A file that holds the process ID of this program. */
export interface PidFile {
  /** Writes the file again, after another program has replaced it. */
  reclaim(): void;
  /** Removes the file, unless another program has replaced it. Never throws. */
  remove(): void;
}

/**
 * Writes the process ID and a newline to a file. Readers see the former file or the complete new
 * one. A file that is already there is replaced, and a symbolic link is replaced, not followed.
 *
 * @param path If it is relative, it is relative to the working directory.
 * @throws {UsageError} If the path is empty.
 * @throws {ExitError} If the file cannot be written (exit code 73).
 */
export function writePidFile(path: string): PidFile {
  return attempt(path, (absolute) => {
    replace(absolute, `${Deno.pid}\n`);
    return {
      reclaim: () => replace(absolute, `${Deno.pid}\n`),
      remove: () => removeOwn(absolute),
    };
  });
}

/** Whether {@link writePidFile} will work: throws as it does, and changes nothing. */
export function checkPidFile(path: string): void {
  attempt(path, (absolute) => removeIfThere(writeDraft(absolute, "")));
}

function attempt<T>(path: string, act: (absolute: string) => T): T {
  if (path === "") throw new UsageError(withName("invalid --pid-file []: want a file"), "pid-file");
  try {
    // The working directory changes when the program goes to the background.
    const absolute = absolutePath(path);
    if (isSpecial(absolute)) throw new Error("it is not a regular file");
    return act(absolute);
  } catch (error) {
    if (error instanceof ExitError) throw error;
    throw new ExitError(
      withName(`can't write pid file [${path}]: ${systemReason(error)}`),
      EXIT.canNotCreate,
      "pid-file",
    );
  }
}

/** Whether something is there that must not be replaced, such as a directory or a device. */
function isSpecial(path: string): boolean {
  try {
    const { isFile, isSymlink } = Deno.lstatSync(path);
    return !isFile && !isSymlink;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || codeOf(error) === "ENOENT") return false;
    throw error;
  }
}

function replace(path: string, text: string): void {
  const draft = writeDraft(path, text);
  try {
    Deno.renameSync(draft, path);
  } catch (error) {
    removeIfThere(draft);
    throw error;
  }
}

/** Writes a file next to the other one. Returns its path. */
function writeDraft(path: string, text: string): string {
  const draft = `${path}.${Deno.pid}`;
  // It may be left over from a killed process with the same ID.
  removeIfThere(draft);
  try {
    Deno.writeTextFileSync(draft, text, { createNew: true, mode: FILE_MODE });
    // Regardless of the umask: scripts of other users read the file.
    Deno.chmodSync(draft, FILE_MODE);
    return draft;
  } catch (error) {
    removeIfThere(draft);
    throw error;
  }
}

function removeOwn(path: string): void {
  try {
    if (Deno.readTextFileSync(path) === `${Deno.pid}\n`) Deno.removeSync(path);
  } catch { /* it is gone, or its directory is */ }
}
