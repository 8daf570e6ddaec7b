/**
 * The output of a dump: a file, a named pipe or standard output, written in the background.
 *
 * Memory is bounded: when the reader is slow, senders wait (`"block"`) or chunks are dropped and
 * counted (`"drop"`). After an error everything is dropped until {@link DumpFile.reopen}; the
 * relay continues.
 */

import type { Backlog } from "../base/backlog.ts";
import { BatchWriter } from "../base/batch_writer.ts";
import { isDescriptorShortage, systemReason } from "../base/errors.ts";
import { STDOUT } from "../base/stdout.ts";
import { settlesWithProgress } from "../base/within.ts";
import { restartable } from "./emptied_file.ts";
import { FileNames, hasTime } from "./file_name.ts";
import type { FilePermit, FilePermits } from "./file_permits.ts";
import type { DumpFormatName } from "./formats/format.ts";
import { nowMicroseconds } from "./formats/times.ts";
import { FileHistory, type Rotation } from "./rotation.ts";
import type { DumpOverflow } from "./settings.ts";
import { isPipe, ReaderWait } from "./named_pipe.ts";
import { type ExistingFile, openSink, type Sink } from "./sink.ts";

/** Options of an output. */
export interface DumpFileOptions {
  /** The port that balance listens on, for `%p`. */
  readonly port: number;
  /** The number of the connection, for `%n`. */
  readonly connection?: number | undefined;
  /** Regular files only. @default never */
  readonly rotate?: Rotation | undefined;
  /** @default {"block"} */
  readonly overflow?: DumpOverflow | undefined;
  /** Bytes that may be queued before senders wait or chunks are dropped. @default {8 MiB} */
  readonly queueBytes?: number | undefined;
  /** Instead of that: shared with other files. Its owner releases it when they are closed. */
  readonly backlog?: Backlog | undefined;
  /** The format of the records. @default {"text"} */
  readonly format?: DumpFormatName | undefined;
  /** Returns the header of a file: `format.start`. Called each time a file starts. */
  readonly header: (time: number) => Uint8Array;
  /** Called with the first error of an output, such as ENOSPC or EPIPE. */
  readonly onError: (error: Error) => void;
  /** Limits the open files; each output takes one permit. @default no limit */
  readonly permits?: FilePermits | undefined;
  /** Microseconds since 1970. @default {nowMicroseconds} */
  readonly now?: () => number;
}

/** Default of {@link DumpFileOptions.queueBytes}. */
export const QUEUE_BYTES = 8 << 20;

/**
 * Opens the output of a dump and waits until its first file is open. A named pipe without a reader
 * opens later.
 *
 * @param pattern See {@link DumpFile}.
 * @throws {UsageError} If the name is invalid.
 * @throws {Error} If the file cannot be created.
 */
export async function openDumpFile(pattern: string, options: DumpFileOptions): Promise<DumpFile> {
  let isOpening = true;
  let failure: Error | undefined;
  const onError = (error: Error) => {
    if (isOpening) failure = error;
    else options.onError(error);
  };
  const file = new DumpFile(pattern, { ...options, onError });
  // The reader of a pipe may come, or take the header, much later.
  await Promise.race([file.flush(), file.readerWait.known]);
  isOpening = false;
  if (failure !== undefined) throw failure;
  return file;
}

/** One output of a dump. */
export class DumpFile {
  /** For a named pipe. */
  readonly readerWait = new ReaderWait();
  readonly #options: DumpFileOptions;
  readonly #now: () => number;
  readonly #names: FileNames;
  /** Only if the names contain the time. */
  readonly #history: FileHistory | undefined;
  /** Replaced after an error. */
  #writer: BatchWriter;
  #sink: Sink | undefined;
  /** Held from the first file to the end of the last one. */
  #permit: FilePermit | undefined;
  /** Name of the latest file, which may not be open yet. */
  #path = "";
  /** Bytes of the latest file, written or queued. */
  #fileBytes = 0;
  /** Files that are queued or being opened. */
  #opening = 0;
  #failed = false;
  #closed = false;
  /** Records that were not queued, or were lost with a writer that was replaced. */
  #dropped = 0;

  /**
   * Starts to open the first file in the background.
   *
   * @param pattern The name: `-` is standard output; `%t`, `%p` and `%n` are replaced.
   * @throws {UsageError} If the name is invalid.
   */
  constructor(pattern: string, options: DumpFileOptions) {
    const { port, connection, rotate } = options;
    this.#options = options;
    this.#now = options.now ?? nowMicroseconds;
    this.#names = new FileNames(pattern, { port, connection });
    if (rotate !== undefined && hasTime(pattern)) this.#history = new FileHistory(rotate.count);
    this.#writer = this.#newWriter();
    // What an earlier dump recorded must not be lost.
    this.#startFile("continue");
  }

  /** Name of the current file, placeholders replaced. */
  get path(): string {
    return this.#path;
  }

  /** Whether everything is dropped after an error. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Number of records that were dropped. */
  get dropped(): number {
    return this.#dropped + this.#writer.discarded;
  }

  /**
   * Appends a record, to a new file if the current one has reached its size.
   *
   * @param encode Returns the record. Called before the return, or not at all.
   * @param options `droppable`: the record (a chunk) may be dropped if the queue is full; others
   *     are dropped only if the queue has twice its size.
   * @returns `false` if the record was dropped.
   */
  write(encode: () => Uint8Array, options: { droppable?: boolean } = {}): boolean {
    if (this.#failed || this.#closed || this.#mustDrop(options.droppable ?? false)) {
      this.#dropped++;
      return false;
    }
    const { rotate } = this.#options;
    if (rotate !== undefined && this.#sink?.isRegular && this.#fileBytes >= rotate.bytes) {
      this.#startFile("replace");
    }
    this.#push(encode(), 1);
    return true;
  }

  /** Waits for room in the queue; `undefined` if there is room now, or chunks are dropped. */
  room(): Promise<void> | undefined {
    return this.#options.overflow === "drop" ? undefined : this.#writer.room();
  }

  /**
   * For log rotation by other programs: creates the file again if it was moved away, or appends to
   * the new file at its path. After an error it starts again, and keeps an existing file as
   * `PATH.1`, since its last record may be incomplete. Does nothing for standard output.
   */
  reopen(): void {
    if (this.#closed || this.#path === STDOUT) return;
    if (this.#failed) {
      this.#failed = false;
      this.#dropped += this.#writer.discarded;
      this.#writer = this.#newWriter();
      this.#startFile("keep");
    } else if (this.#opening === 0 && !this.#sink?.isAt(this.#path)) this.#startFile("append");
  }

  /** Waits until everything written so far is in the file, or lost to an error. */
  async flush(): Promise<void> {
    await this.#writer.flush();
  }

  /**
   * Lets waiting senders continue, writes what is queued and closes the file.
   *
   * @param options `readerPatienceMs`: gives up if the reader of a named pipe takes nothing for this
   *     long, from when the pipe may be opened (default never).
   */
  async close({ readerPatienceMs }: { readerPatienceMs?: number } = {}): Promise<void> {
    this.#closed = true;
    this.#permit?.ending();
    const written = this.#writer.close();
    if (readerPatienceMs !== undefined) void this.#waitForReader(written, readerPatienceMs);
    const isWritten = await written;
    this.readerWait.giveUp();
    const idle = this.#writer.idle().then(() => this.#end());
    if (isWritten) await idle;
  }

  /** Gives up a file that is being closed: drops and reports what is not written yet. */
  abandon(): void {
    const before = this.dropped;
    const reason = this.readerWait.isWaiting ? "nobody reads it" : "too slow";
    this.readerWait.giveUp();
    this.#writer.abandon();
    if (this.dropped > before) this.#report(reason);
  }

  async #waitForReader(written: Promise<boolean>, patienceMs: number): Promise<void> {
    // A regular file has no reader: it waits only for its turn and the disk.
    await this.readerWait.known;
    const left = () => this.#writer.queuedBytes;
    if (!await settlesWithProgress(written, left, { patienceMs })) this.abandon();
  }

  #mustDrop(droppable: boolean): boolean {
    if (this.#options.overflow !== "drop") return false;
    const { size, limit } = this.#writer.backlog;
    return size >= (droppable ? 1 : 2) * limit;
  }

  #newWriter(): BatchWriter {
    const { queueBytes = QUEUE_BYTES, backlog } = this.#options;
    return new BatchWriter(
      (bytes) => {
        const sink = this.#sink!, write = () => sink.write(bytes);
        // The reader of a pipe may be slow.
        return sink.isRegular ? this.#options.permits?.operate(write) ?? write() : write();
      },
      (error) => this.#fail(error),
      { queueBytes, backlog },
    );
  }

  /** Everything written from now on goes into another file. */
  #startFile(existing: ExistingFile): void {
    const now = this.#now(), path = this.#path = this.#names.next(now);
    this.#fileBytes = 0;
    this.#opening++;
    this.#writer.pushStep(() => this.#open(path, existing));
    this.#push(this.#options.header(now), 0);
  }

  #push(bytes: Uint8Array, records: number): void {
    this.#fileBytes += bytes.length;
    this.#writer.push(bytes, records);
  }

  async #open(path: string, existing: ExistingFile): Promise<void> {
    const { format = "text", rotate, permits } = this.#options, wait = this.readerWait;
    this.#permit ??= permits?.request();
    await this.#permit?.ready;
    const open = () => openSink(path, { existing, count: rotate?.count, format, wait });
    // Opening a pipe may take long.
    const isLimited = permits !== undefined && !await isPipe(path);
    if (this.#sink?.isRegular === false) this.#closeSink();
    const before = this.#sink;
    try {
      const sink = await (isLimited ? permits.operate(open) : open());
      this.#sink = sink.isRegular ? this.#restartable(sink) : sink;
    } catch (error) {
      if (before === undefined || !isDescriptorShortage(error)) throw error;
      // The previous file continues; the next one starts when it has grown as much again.
      return void this.#opening--;
    }
    before?.close();
    if (this.#sink.isRegular) await this.#history?.add(path);
    if (--this.#opening === 0) this.#fileBytes += this.#sink.size();
  }

  #restartable(sink: Sink): Sink {
    const { format, header } = this.#options;
    return restartable(sink, {
      header: format === "pcapng" ? () => header(this.#now()) : undefined,
      forget: (bytes) => {
        // Otherwise the latest file is another one.
        if (this.#opening === 0) this.#fileBytes -= bytes;
      },
    });
  }

  #fail(error: unknown): void {
    this.#failed = true;
    this.#opening = 0;
    this.#end();
    this.#report(systemReason(error), error);
  }

  #report(reason: string, cause?: unknown): void {
    const message = `cannot write dump file [${this.#path}]: ${reason}`;
    this.#options.onError(new Error(message, { cause }));
  }

  #end(): void {
    this.#closeSink();
    this.#permit?.release();
    this.#permit = undefined;
  }

  #closeSink(): void {
    this.#sink?.close();
    this.#sink = undefined;
  }
}
