/**
 * The output of a dump: a file, a named pipe or standard output, written in the background.
 *
 * Files are 0600. Memory is bounded: when the reader is slow, senders wait (`"block"`) or chunks
 * are dropped and counted (`"drop"`). After an error everything is dropped until {@link
 * DumpFile.reopen}; the relay goes on.
 */

import { joinBytes } from "../base/bytes.ts";
import { messageOf, UsageError } from "../base/errors.ts";
import { strictInteger } from "../base/integers.ts";
import { STDOUT } from "../base/stdout.ts";
import { expandFileName, hasTime } from "./file_name.ts";
import { fileTime, nowMicroseconds } from "./formats/times.ts";

/** What happens when the reader of a dump is slow. */
export const DUMP_OVERFLOWS = ["block", "drop"] as const;

/** One of {@link DUMP_OVERFLOWS}. */
export type DumpOverflow = typeof DUMP_OVERFLOWS[number];

/** When a new file is begun, and how many are kept. */
export interface Rotation {
  /** The next record after this many bytes goes into a new file. At least 1. */
  readonly bytes: number;
  /** Files that are kept, the present one included. At least 1. */
  readonly count: number;
}

/** Everything about the output but its name. */
export interface DumpFileOptions {
  /** The port that balance listens on, for `%p`. */
  readonly port: number;
  /** The connection, for `%n`. */
  readonly connection?: number | undefined;
  /** Not for standard output and named pipes. @default never */
  readonly rotate?: Rotation | undefined;
  /** @default {"block"} */
  readonly overflow?: DumpOverflow | undefined;
  /** Bytes that may wait before senders wait or chunks are dropped. @default {8 MiB} */
  readonly queueBytes?: number | undefined;
  /** The beginning of a file, asked for whenever one is begun: `format.start`. */
  readonly header: (time: number) => Uint8Array;
  /**
   * What becomes of a file that lies there at the beginning: it is removed, or moved aside to
   * `PATH.1`. @default {"replace"}
   */
  readonly existing?: "replace" | "keep" | undefined;
  /** Told the first error of an output, such as a full disk or a reader that has gone. */
  readonly onError: (error: Error) => void;
  /** Microseconds since 1970. @default {nowMicroseconds} */
  readonly now?: () => number;
}

/** Where bytes go. */
interface Sink {
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** A place in the queue where another file is begun. */
interface Begin {
  readonly path: string;
  /** What becomes of a file that lies there. */
  readonly old: "replace" | "continue" | "keep";
}

const DEFAULT_QUEUE_BYTES = 8 << 20;
/** Bytes that are written in one call, if there are many small pieces. */
const BATCH_BYTES = 256 << 10;
const DEFAULT_COUNT = 10;
const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 };

/**
 * Reads `--dump-rotate`.
 *
 * @param text `SIZE[,COUNT]`: size in bytes, or with `k`, `M`, `G` (powers of 1024); count is the
 *     number of files that are kept (default 10), the present one included.
 * @throws {UsageError} If it means nothing.
 */
export function parseRotation(text: string): Rotation {
  const parts = /^(\d{1,12})([kmg]?)(?:,(\d{1,6}))?$/i.exec(text);
  const bytes = Number(parts?.[1]) * (UNITS[parts?.[2]?.toLowerCase() ?? ""] ?? 1);
  const count = strictInteger(parts?.[3] ?? String(DEFAULT_COUNT), { min: 1, max: 999999 });
  if (parts === null || count === undefined || bytes < 1) {
    throw new UsageError(`invalid rotation [${text}]: want SIZE[k|M|G][,COUNT]`);
  }
  return { bytes, count };
}

/**
 * Opens the output of a dump and waits until its first file is there, so that errors show at once;
 * a named pipe is not waited for, since it opens only with its reader (with Deno 2.6 the whole
 * program stands still until then).
 *
 * @param pattern The name: `-` is standard output, `%t`, `%p` and `%n` are replaced.
 * @param options Rotation and overflow.
 * @throws {UsageError} If the name means nothing.
 * @throws {Error} If the file cannot be made.
 */
export async function openDumpFile(pattern: string, options: DumpFileOptions): Promise<DumpFile> {
  let isStarting = true;
  let refusal: Error | undefined;
  const onError = (error: Error) => {
    if (isStarting) refusal = error;
    else options.onError(error);
  };
  const file = new DumpFile(pattern, { ...options, onError });
  if (!await isPipe(file.path)) await file.flush();
  isStarting = false;
  if (refusal !== undefined) throw refusal;
  return file;
}

/** One output; see the head of this file. */
export class DumpFile {
  readonly #pattern: string;
  readonly #options: DumpFileOptions;
  readonly #now: () => number;
  readonly #queueBytes: number;
  #queue: (Uint8Array | Begin)[] = [];
  /** Bytes in the queue and being written. */
  #waiting = 0;
  /** Bytes since the present file began, as far as queued. */
  #fileBytes = 0;
  #path = "";
  /** When the present file began, and how many began in that second. */
  #second = "";
  #sequence = 1;
  /** Files of this output, oldest first; only with `%t`. */
  readonly #files: string[] = [];
  #sink: Sink | undefined;
  /** Device and number of the present file. */
  #identity = "";
  /** Files in the queue and being opened. */
  #begun = 0;
  /** Only these can be moved aside. */
  #isRegular = false;
  #failed = false;
  #closed = false;
  /** Nothing more is written, since nobody takes it. */
  #givenUp = false;
  #dropped = 0;
  #running: Promise<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;

  /**
   * Begins the first file in the background.
   *
   * @param pattern The name: `-` is standard output, `%t`, `%p` and `%n` are replaced.
   * @param options Rotation and overflow.
   * @throws {UsageError} If the name means nothing.
   */
  constructor(pattern: string, options: DumpFileOptions) {
    this.#pattern = pattern;
    this.#options = options;
    this.#now = options.now ?? nowMicroseconds;
    this.#queueBytes = options.queueBytes ?? DEFAULT_QUEUE_BYTES;
    this.#begin(options.existing ?? "replace");
  }

  /** The present file, placeholders replaced. */
  get path(): string {
    return this.#path;
  }

  /** How many droppable records were dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether an error has ended the output. */
  get failed(): boolean {
    return this.#failed;
  }

  /**
   * Appends a record, in a new file if the present one has its size.
   *
   * @param encode Makes the record; called at once or never, after the header of a new file was
   *     asked for.
   * @param options `droppable`: the record may be dropped if there is no room (a chunk). Others
   *     are dropped only when twice as much waits.
   * @returns `false` if the record was dropped.
   */
  write(encode: () => Uint8Array, options: { droppable?: boolean } = {}): boolean {
    if (this.#failed || this.#closed || this.#isFull(options.droppable ?? false)) {
      this.#dropped++;
      return false;
    }
    const { rotate } = this.#options;
    if (rotate !== undefined && this.#isRegular && this.#fileBytes >= rotate.bytes) {
      this.#begin("replace");
    }
    const bytes = encode();
    if (bytes.length > 0) this.#push(bytes);
    return true;
  }

  /**
   * Whoever writes much waits for this, unless chunks are dropped.
   *
   * @returns `undefined` if there is room already.
   */
  room(): Promise<void> | undefined {
    if (this.#options.overflow === "drop" || this.#closed) return undefined;
    if (this.#waiting < this.#queueBytes) return undefined;
    return (this.#room ??= Promise.withResolvers()).promise;
  }

  /**
   * For log rotation from outside: when the file was moved away it is made again; a file that
   * somebody else has made there meanwhile is continued. Otherwise nothing happens, nor to
   * standard output. After an error the output is begun anew; what lies there becomes `PATH.1`,
   * since its last record may be cut.
   */
  reopen(): void {
    if (this.#closed || this.#pattern === STDOUT) return;
    const old = this.#failed ? "keep" : "continue";
    if (!this.#failed && this.#isInPlace()) return;
    this.#failed = false;
    this.#begin(old);
  }

  /** Waits until everything that was written so far is out, or lost to an error. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /**
   * Lets go of those who wait for room, writes what is left and closes the file.
   *
   * @param options `patienceMs`: so long a reader may take nothing before the rest is thrown
   *     away. @default waits as long as the reader does
   * @returns Whether everything was written, or lost to an error.
   */
  async close(options: { patienceMs?: number | undefined } = {}): Promise<boolean> {
    this.#closed = true;
    this.#release();
    const done = this.flush().then(() => this.#closeSink()).then(() => true);
    const { patienceMs } = options;
    if (patienceMs === undefined) return await done;
    for (;;) {
      const before = this.#waiting;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<false>((resolve) => {
        timer = setTimeout(() => resolve(false), patienceMs);
      });
      const isDone = await Promise.race([done, late]);
      clearTimeout(timer);
      if (isDone) return true;
      if (this.#waiting >= before) break;
    }
    this.#givenUp = true;
    this.#queue = [];
    return false;
  }

  /** Whether a record has to be dropped. */
  #isFull(droppable: boolean): boolean {
    if (this.#options.overflow !== "drop") return false;
    return this.#waiting >= (droppable ? this.#queueBytes : 2 * this.#queueBytes);
  }

  /** Whether the file is where it should be, or soon will. */
  #isInPlace(): boolean {
    if (this.#begun > 0) return true;
    try {
      const { dev, ino } = Deno.statSync(this.#path);
      return `${dev} ${ino}` === this.#identity;
    } catch {
      return false;
    }
  }

  /** Queues the beginning of a file. */
  #begin(old: Begin["old"]): void {
    const now = this.#now();
    this.#path = this.#nextPath(now);
    this.#fileBytes = 0;
    this.#queue.push({ path: this.#path, old });
    this.#begun++;
    this.#push(this.#options.header(now));
  }

  /** The name of a file that begins now; never that of its predecessor if names have times. */
  #nextPath(now: number): string {
    if (this.#pattern === STDOUT) return STDOUT;
    const { port, connection } = this.#options;
    const second = fileTime(now);
    this.#sequence = second === this.#second ? this.#sequence + 1 : 1;
    this.#second = second;
    const time = this.#sequence === 1 ? second : `${second}-${this.#sequence}`;
    return expandFileName(this.#pattern, { time, port, connection });
  }

  #push(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    this.#waiting += bytes.length;
    this.#fileBytes += bytes.length;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    try {
      // What is queued in one go is written in one go.
      await undefined;
      while (this.#queue.length > 0) {
        const first = this.#queue[0]!;
        if (first instanceof Uint8Array) await this.#writeAll(this.#take());
        else {
          this.#queue.shift();
          await this.#open(first);
          this.#begun--;
        }
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      // Whoever is told an error may have reopened the output at once.
      this.#running = this.#queue.length > 0 ? this.#run() : undefined;
      this.#release();
    }
  }

  /** Takes a batch off the queue. */
  #take(): Uint8Array {
    const batch: Uint8Array[] = [];
    let length = 0;
    for (const item of this.#queue) {
      if (!(item instanceof Uint8Array) || length > 0 && length + item.length > BATCH_BYTES) break;
      batch.push(item);
      length += item.length;
    }
    this.#queue.splice(0, batch.length);
    return joinBytes(batch);
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    const sink = this.#sink;
    for (let at = 0; at < bytes.length && sink !== undefined && !this.#givenUp;) {
      at += await sink.write(at === 0 ? bytes : bytes.subarray(at));
    }
    this.#waiting -= bytes.length;
    if (this.#waiting < this.#queueBytes) this.#release();
  }

  async #open({ path, old }: Begin): Promise<void> {
    this.#closeSink();
    if (path === STDOUT) {
      this.#sink = { write: (bytes) => Deno.stdout.write(bytes), close: () => {} };
      return;
    }
    const found = await statOf(path);
    this.#isRegular = found?.isFile ?? true;
    let file: Deno.FsFile;
    if (!this.#isRegular) file = await Deno.open(path, { write: true });
    else if (found !== undefined && old === "continue") {
      file = await Deno.open(path, { append: true });
    } else {
      if (found !== undefined) await this.#makeRoom(path, old);
      file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
    }
    this.#sink = file;
    const { dev, ino } = await file.stat();
    this.#identity = `${dev} ${ino}`;
    await this.#removeOld(path);
  }

  /** A new file is made, so that nobody who could read the old one reads it. */
  async #makeRoom(path: string, old: Begin["old"]): Promise<void> {
    const { rotate } = this.#options;
    const count = rotate?.count ?? 1;
    await moveAside(path, old === "keep" ? Math.max(2, count) : count);
  }

  /** Removes files that are too many, if their names have times. */
  async #removeOld(path: string): Promise<void> {
    const { rotate } = this.#options;
    if (rotate === undefined || !hasTime(this.#pattern) || !this.#isRegular) return;
    if (this.#files.at(-1) !== path) this.#files.push(path);
    while (this.#files.length > rotate.count) await removeFile(this.#files.shift()!);
  }

  #fail(error: unknown): void {
    this.#failed = true;
    this.#queue = [];
    this.#begun = 0;
    this.#waiting = 0;
    this.#closeSink();
    this.#options.onError(
      new Error(`cannot write dump file [${this.#path}]: ${reasonOf(error)}`, { cause: error }),
    );
  }

  #closeSink(): void {
    this.#sink?.close();
    this.#sink = undefined;
  }

  #release(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}

/** The reason, in words that do not speak of the runtime. */
function reasonOf(error: unknown): string {
  // Below /dev, /proc and /sys the runtime lets nobody write who may not do everything.
  if (error instanceof Deno.errors.NotCapable) return "it is part of the system";
  return messageOf(error).replace(/ \(os error .*/s, "");
}

/** What lies at a path, links followed; `undefined` if nothing does. */
async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function isPipe(path: string): Promise<boolean> {
  if (path === STDOUT) return false;
  try {
    return (await Deno.stat(path)).isFifo ?? false;
  } catch {
    return false;
  }
}

/** Makes room for a file: `PATH` becomes `PATH.1`, that `PATH.2`; the one too many is removed. */
async function moveAside(path: string, count: number): Promise<void> {
  const name = (number: number) => number === 0 ? path : `${path}.${number}`;
  await removeFile(name(count - 1));
  for (let number = count - 1; number > 0; number--) {
    try {
      await Deno.rename(name(number - 1), name(number));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

async function removeFile(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
