/**
 * The access log in a file, a named pipe, or on standard output or standard error.
 *
 * Lines are queued and written in batches. When 1 MiB is queued, accepting waits; if less than
 * 128 KiB are written in a second then, lines are dropped and counted. A full disk is reported once;
 * when there is space again, the log continues with whole lines.
 */

import { PatientBacklog } from "../base/backlog.ts";
import { BatchWriter } from "../base/batch_writer.ts";
import { NO_BYTES } from "../base/bytes.ts";
import { EXIT, ExitError, systemReason, UsageError, withName } from "../base/errors.ts";
import { droppedText } from "../base/integers.ts";
import { STDERR, STDOUT } from "../base/stdout.ts";
import { settlesWithin } from "../base/within.ts";
import { type BurstNotices, oncePerBurst } from "../connection/once_per_burst.ts";
import { absolutePath } from "../native/absolute_path.ts";
import { standardError, standardOutput, type StandardStream } from "../system/standard_stream.ts";
import { droppedLines, type LogOutput } from "./log_output.ts";

/** Bytes that may be queued before accepting waits. */
const QUEUE_BYTES = 1 << 20;
/** Closing gives up if nothing is written for this long, and after this long, in milliseconds. */
const STALL_MS = 1000, LAST_LINES_MS = 10_000;
const NEWLINE = 10;

const encoder = new TextEncoder();

/** An open file, pipe or standard stream. */
interface LogSink {
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** Opens the log at a path. */
export type OpenLogSink = (path: string) => Promise<LogSink>;

/**
 * Opens the log.
 *
 * @param path A file, which is appended to or created with mode 0600, or the name of a
 * standard stream; see stdout.ts.
 * @param options `notice` reports errors and dropped lines; `open` replaces the files in tests.
 * @throws {UsageError} If the path is empty.
 * @throws {ExitError} With exit code 73 if it cannot be opened.
 */
export async function openLogFile(
  path: string,
  options: { notice: (line: string) => void; open?: OpenLogSink },
): Promise<LogOutput> {
  if (path === "") throw new UsageError("invalid --log []: want a file, syslog or -");
  const open = options.open ?? openLogSink;
  // A background process changes its working directory to "/" and may reopen the file later.
  const absolute = isStream(path) ? path : absolutePath(path);
  try {
    return new LogFile(await open(absolute), { ...options, open, path: absolute });
  } catch (error) {
    const reason = systemReason(error);
    throw new ExitError(withName(`can't open log file [${path}]: ${reason}`), EXIT.canNotCreate);
  }
}

async function openLogSink(path: string): Promise<LogSink> {
  if (path === STDOUT) return streamSink(standardOutput);
  if (path === STDERR) return streamSink(standardError);
  const isPipe = await Deno.stat(path).then((info) => info.isFifo === true, () => false);
  // Also opened for reading: opening and writing then succeed while the pipe has no other reader.
  if (isPipe) return await Deno.open(path, { read: true, write: true });
  return await Deno.open(path, { append: true, create: true, mode: 0o600 });
}

/** Whether a path means a standard stream, which is never opened or closed. */
function isStream(path: string): boolean {
  return path === STDOUT || path === STDERR;
}

function streamSink(stream: StandardStream): LogSink {
  return { write: (bytes) => stream.write(bytes), close() {} };
}

class LogFile implements LogOutput {
  readonly #path: string;
  readonly #open: OpenLogSink;
  readonly #notice: (line: string) => void;
  readonly #bursts: BurstNotices;
  readonly #writer: BatchWriter;
  readonly #backlog = new PatientBacklog(QUEUE_BYTES);
  /** Lines in the backlog. */
  #queuedLines = 0;
  #sink: LogSink;
  /** The reopened file, used after the current batch. */
  #next: LogSink | undefined;
  /** Whether a batch is being written. */
  #busy = false;
  #reopening: Promise<void> = Promise.resolve();
  /** The rest of a line that was written in part when a write failed. */
  #rest: Uint8Array = NO_BYTES;
  #failing = false;
  dropped = 0;

  constructor(
    sink: LogSink,
    options: { path: string; open: OpenLogSink; notice: (line: string) => void },
  ) {
    this.#sink = sink;
    this.#path = options.path;
    this.#open = options.open;
    this.#notice = options.notice;
    this.#bursts = oncePerBurst(options.notice);
    this.#writer = new BatchWriter((bytes) => this.#write(bytes), () => {});
  }

  line(text: string): void {
    if (this.#backlog.mustDrop) {
      this.dropped++;
      this.#bursts.notice(`log file [${this.#path}] is too slow, lines are dropped`);
      return;
    }
    const bytes = encoder.encode(`${text}\n`);
    this.#queuedLines++;
    this.#backlog.add(bytes.length);
    this.#writer.push(bytes);
  }

  room(): Promise<void> | undefined {
    return this.#backlog.room();
  }

  reopen(): void {
    if (isStream(this.#path)) return;
    this.#reopening = this.#reopening.then(async () => {
      try {
        const next = await this.#open(this.#path);
        this.#next?.close();
        this.#next = next;
        if (!this.#busy) this.#switch();
      } catch (error) {
        const reason = systemReason(error);
        this.#notice(`cannot reopen log file [${this.#path}], keeping the old one: ${reason}`);
      }
    });
  }

  async close(): Promise<void> {
    this.#backlog.release();
    const isReopened = await settlesWithin(this.#reopening, STALL_MS);
    const limits = { patienceMs: STALL_MS, limitMs: LAST_LINES_MS };
    if (await this.#writer.close(limits) && isReopened) this.#sink.close();
    this.dropped += this.#queuedLines;
    if (this.dropped > 0) this.#notice(droppedLines(this.dropped));
  }

  /** Writes a batch of whole lines. Never rejects. */
  async #write(batch: Uint8Array): Promise<number> {
    this.#busy = true;
    try {
      if (await this.#writeRest()) await this.#writeLines(batch);
      else this.dropped += lineCount(batch);
    } finally {
      this.#busy = false;
      this.#queuedLines -= lineCount(batch);
      this.#backlog.remove(batch.length);
      this.#switch();
    }
    return batch.length;
  }

  async #writeLines(batch: Uint8Array): Promise<void> {
    let at = 0;
    try {
      while (at < batch.length) at += await this.#sink.write(batch.subarray(at));
      this.#recovered();
    } catch (error) {
      const isCut = at > 0 && batch[at - 1] !== NEWLINE;
      const end = isCut ? batch.indexOf(NEWLINE, at) + 1 : at;
      this.#rest = batch.slice(at, end);
      this.dropped += lineCount(batch.subarray(end));
      this.#failed(error);
    }
  }

  /** Writes the rest of a line; returns whether that succeeded. */
  async #writeRest(): Promise<boolean> {
    try {
      while (this.#rest.length > 0) {
        this.#rest = this.#rest.subarray(await this.#sink.write(this.#rest));
      }
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  #failed(error: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#notice(
      `cannot write log file [${this.#path}], lines are dropped: ${systemReason(error)}`,
    );
  }

  #recovered(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#notice(
      `log file [${this.#path}] is writable again, ${droppedText(this.dropped, "line")} so far`,
    );
  }

  /** Switches to the reopened file, if any, between two batches. */
  #switch(): void {
    if (this.#next === undefined) return;
    this.#sink.close();
    this.#sink = this.#next;
    this.#next = undefined;
    if (this.#rest.length > 0) this.dropped++;
    this.#rest = NO_BYTES;
  }
}

function lineCount(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
