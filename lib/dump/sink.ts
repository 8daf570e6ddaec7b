/** What a dump is written to: a file, a named pipe or standard output. */

import { NO_BYTES, writeAll } from "../base/bytes.ts";
import { STDOUT } from "../base/stdout.ts";
import { standardOutput } from "../system/standard_stream.ts";
import { continuation, isOwnFile } from "./continue_file.ts";
import type { DumpFormatName } from "./formats/format.ts";
import { type NamedPipe, openNamedPipe, type ReaderWait } from "./named_pipe.ts";
import { moveAside } from "./rotation.ts";

/** An open output. */
export interface Sink {
  /** Writes some or all of the bytes and returns how many. */
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
  /** Whether it is a regular file, which can be rotated. */
  readonly isRegular: boolean;
  /** The current size of a regular file in bytes. */
  size(): number;
  /** Empties a regular file. */
  empty(): Promise<void>;
  /** Whether a path still leads to it. */
  isAt(path: string): boolean;
}

/**
 * What happens to a file that exists: it is replaced, appended to, or moved to `PATH.1`. `"continue"`
 * appends if the file belongs to this user and is of the format, and otherwise moves it.
 */
export type ExistingFile = "replace" | "append" | "keep" | "continue";

/**
 * Opens an output. New files have mode 0600. A named pipe opens when it has a reader.
 *
 * @param path A path, or `-` for standard output.
 * @param options `count`: number of files that are kept, including the new one; without it,
 *     `"continue"` loses none. `format`: what a file that is continued must contain. `wait`: how to
 *     wait for the reader of a named pipe.
 * @throws {Error} If it cannot be opened, or the wait was given up.
 */
export async function openSink(
  path: string,
  options: {
    existing: ExistingFile;
    count: number | undefined;
    format: DumpFormatName;
    wait: ReaderWait;
  },
): Promise<Sink> {
  const { existing, count, format, wait } = options;
  wait.throwIfGivenUp();
  if (path === STDOUT) {
    return {
      write: (bytes) => standardOutput.write(bytes),
      close() {},
      isRegular: false,
      size: () => 0,
      empty: () => Promise.resolve(),
      isAt: () => true,
    };
  }
  const found = await statOf(path);
  if (found?.isFifo) {
    const pipe = await openNamedPipe(path, wait);
    // Something else is there now.
    if (pipe === undefined) return await openSink(path, options);
    return pipeSink(pipe);
  }
  if (found?.isFile === false) return await openFile(path, { write: true });
  if (found !== undefined) {
    if (existing === "append") return await openFile(path, { append: true });
    const start = existing === "continue" && await isOwnFile(path)
      ? await continuation(path, format)
      : undefined;
    if (start !== undefined) return await openFile(path, { append: true }, start);
    // A new file: processes that have the old one open must not see new data.
    await moveAside(path, await filesToKeep(path, { existing, count }));
  }
  return await openFile(path, { append: true, createNew: true, mode: 0o600 });
}

/** Number of files after an existing one is moved aside. */
async function filesToKeep(
  path: string,
  { existing, count }: { existing: ExistingFile; count: number | undefined },
): Promise<number> {
  if (existing === "replace") return count ?? 1;
  let files = Math.max(2, count ?? 1);
  if (existing === "continue" && count === undefined) {
    while (await statOf(`${path}.${files - 1}`) !== undefined) files++;
  }
  return files;
}

async function openFile(
  path: string,
  options: Deno.OpenOptions,
  start: Uint8Array = NO_BYTES,
): Promise<Sink> {
  const file = await Deno.open(path, options);
  try {
    await writeAll(file, start);
    return fileSink(file, await file.stat());
  } catch (error) {
    file.close();
    throw error;
  }
}

function fileSink(file: Deno.FsFile, info: Deno.FileInfo): Sink {
  return {
    write: (bytes) => file.write(bytes),
    close: () => file.close(),
    isRegular: info.isFile,
    size: () => file.statSync().size,
    empty: () => file.truncate(0),
    isAt: (path) => leadsTo(path, info),
  };
}

function pipeSink(pipe: NamedPipe): Sink {
  return {
    write: (bytes) => pipe.write(bytes),
    close: () => pipe.close(),
    isRegular: false,
    size: () => 0,
    empty: () => Promise.resolve(),
    isAt: (path) => leadsTo(path, pipe),
  };
}

/** Whether a path leads to this file. */
function leadsTo(path: string, { dev, ino }: { dev: number; ino: number | null }): boolean {
  try {
    const found = Deno.statSync(path);
    return found.dev === dev && found.ino === ino;
  } catch {
    return false;
  }
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
