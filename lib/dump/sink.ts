/** What a dump is written to: a file, a named pipe or standard output. */

import { STDOUT } from "../base/stdout.ts";
import { moveAside } from "./rotation.ts";

/** An open output. */
export interface Sink {
  /** Writes some or all of the bytes and returns how many. */
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
  /** Whether it is a regular file, which can be rotated. */
  readonly isRegular: boolean;
  /** Whether a path still leads to it. */
  isAt(path: string): boolean;
}

/** What happens to a file that exists: it is replaced, appended to, or moved to `PATH.1`. */
export type ExistingFile = "replace" | "append" | "keep";

/**
 * Opens an output. New files have mode 0600.
 *
 * @param path A path, or `-` for standard output.
 * @param options `count`: number of files that are kept, including the new one.
 * @throws {Error} If it cannot be opened.
 */
export async function openSink(
  path: string,
  { existing, count }: { existing: ExistingFile; count: number },
): Promise<Sink> {
  if (path === STDOUT) {
    return {
      write: (bytes) => Deno.stdout.write(bytes),
      close() {},
      isRegular: false,
      isAt: () => true,
    };
  }
  const found = await statOf(path);
  if (found?.isFile === false) return await openFile(path, { write: true });
  if (found !== undefined && existing === "append") return await openFile(path, { append: true });
  // A new file: processes that have the old one open must not see new data.
  if (found !== undefined) await moveAside(path, existing === "keep" ? Math.max(2, count) : count);
  return await openFile(path, { write: true, createNew: true, mode: 0o600 });
}

/** Whether a path is that of a named pipe. */
export async function isPipe(path: string): Promise<boolean> {
  if (path === STDOUT) return false;
  const found = await Deno.stat(path).catch(() => undefined);
  return found?.isFifo ?? false;
}

async function openFile(path: string, options: Deno.OpenOptions): Promise<Sink> {
  const file = await Deno.open(path, options);
  const { dev, ino, isFile } = await file.stat();
  return {
    write: (bytes) => file.write(bytes),
    close: () => file.close(),
    isRegular: isFile,
    isAt(path) {
      try {
        const found = Deno.statSync(path);
        return found.dev === dev && found.ino === ino;
      } catch {
        return false;
      }
    },
  };
}

/** Follows links; `undefined` if nothing exists at the path. */
async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
