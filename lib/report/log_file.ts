/**
 * The connection log in a file, a named pipe, or on standard output.
 *
 * Lines are queued and written in batches in the background. When more than about a megabyte
 * waits, lines are dropped and counted; a full disk is said once, and when it has room again the
 * log goes on with whole lines.
 */

import { EXIT, ExitError, messageOf, UsageError } from "../base/errors.ts";
import { NAME } from "../base/version.ts";
import { STDOUT } from "../base/stdout.ts";
import { BatchWriter } from "../base/batch_writer.ts";
import type { LogOutput } from "./log_output.ts";

/** Milliseconds that the reader may take for the last lines. */
const LAST_LINES_MS = 1000;
const NEWLINE = 10;

const encoder = new TextEncoder();

/** What bytes are written to. */
interface LogSink {
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** Opens what a path means; replaced by tests that fill a disk. */
export type OpenLogSink = (path: string) => Promise<LogSink>;

/**
 * Opens the log.
 *
 * @param path A file, made with mode 0600 if it does not exist, else appended to; relative to
 *     where the program was started. `-` is standard output.
 * @param options `notice` is told about trouble; `open` replaces the file system.
 * @throws {UsageError} If there is no path.
 * @throws {ExitError} With exit code 73 if it cannot be opened.
 */
export async function openLogFile(
  path: string,
  options: { notice: (line: string) => void; open?: OpenLogSink },
): Promise<LogOutput> {
  if (path === "") throw new UsageError("invalid --log []: want a file, syslog or -");
  const open = options.open ?? openLogSink;
  // The program leaves for "/" later and opens the file again then.
  const absolute = path === STDOUT || path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
  try {
    return new LogFile(await open(absolute), { ...options, open, path: absolute });
  } catch (error) {
    throw new ExitError(`${NAME}: can't open log file [${path}]: ${why(error)}`, EXIT.canNotCreate);
  }
}

async function openLogSink(path: string): Promise<LogSink> {
  if (path === STDOUT) return { write: (bytes) => Deno.stdout.write(bytes), close() {} };
  const isPipe = await Deno.stat(path).then((info) => info.isFifo === true, () => false);
  // Opened for reading too, a named pipe need not have a reader yet, and may lose it.
  if (isPipe) return await Deno.open(path, { read: true, write: true });
  return await Deno.open(path, { append: true, create: true, mode: 0o600 });
}

class LogFile implements LogOutput {
  readonly #path: string;
  readonly #open: OpenLogSink;
  readonly #notice: (line: string) => void;
  readonly #writer: BatchWriter;
  #sink: LogSink;
  /** The file to go on with after the batch that is being written. */
  #next: LogSink | undefined;
  #busy = false;
  #reopening: Promise<void> = Promise.resolve();
  /** What is still to be written of a line that was cut by an error. */
  #rest: Uint8Array = new Uint8Array();
  #failing = false;
  #late = false;
  #dropped = 0;

  constructor(
    sink: LogSink,
    options: { path: string; open: OpenLogSink; notice: (line: string) => void },
  ) {
    this.#sink = sink;
    this.#path = options.path;
    this.#open = options.open;
    this.#notice = options.notice;
    this.#writer = new BatchWriter((bytes) => this.#write(bytes), () => {});
  }

  get dropped(): number {
    return this.#dropped;
  }

  line(text: string): void {
    if (this.#writer.room() === undefined) return this.#writer.push(encoder.encode(`${text}\n`));
    this.#dropped++;
    if (!this.#late) this.#notice(`log file [${this.#path}] is too slow, lines are dropped`);
    this.#late = true;
  }

  reopen(): void {
    if (this.#path === STDOUT) return;
    this.#reopening = this.#reopening.then(async () => {
      try {
        const next = await this.#open(this.#path);
        this.#next?.close();
        this.#next = next;
        if (!this.#busy) this.#change();
      } catch (error) {
        this.#notice(`cannot reopen log file [${this.#path}], keeping the old one: ${why(error)}`);
      }
    });
  }

  async close(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<true>((resolve) => {
      timer = setTimeout(() => resolve(true), LAST_LINES_MS);
    });
    const written = this.#reopening.then(() => this.#writer.flush());
    const isLate = await Promise.race([written, late]);
    clearTimeout(timer);
    if (isLate !== true) this.#sink.close();
    if (this.#dropped > 0) this.#notice(`${this.#dropped} lines of the log were dropped`);
  }

  /** Writes a batch of whole lines; one at a time, never rejects. */
  async #write(batch: Uint8Array): Promise<number> {
    this.#busy = true;
    try {
      if (await this.#writeRest()) await this.#writeLines(batch);
      else this.#dropped += lines(batch);
    } finally {
      this.#busy = false;
      this.#change();
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
      this.#dropped += lines(batch.subarray(end));
      this.#failed(error);
    }
  }

  /** Completes a line that was cut; returns whether that was possible. */
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
    if (!this.#failing) {
      this.#notice(`cannot write log file [${this.#path}], lines are dropped: ${why(error)}`);
    }
    this.#failing = true;
  }

  #recovered(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#notice(
      `log file [${this.#path}] is written again, ${this.#dropped} lines were dropped so far`,
    );
  }

  /** Goes on in another file, if there is one, between two batches. */
  #change(): void {
    if (this.#next === undefined) return;
    this.#sink.close();
    this.#sink = this.#next;
    this.#next = undefined;
    if (this.#rest.length > 0) this.#dropped++;
    this.#rest = new Uint8Array();
  }
}

function lines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

/** The reason without the number and the call that the runtime adds. */
function why(error: unknown): string {
  return messageOf(error).replace(/ \(os error .*/s, "");
}
