import { systemReason, withName } from "../base/errors.ts";
import { droppedText } from "../base/integers.ts";
import { settlesWithProgress } from "../base/within.ts";
import type { StandardStream } from "./standard_stream.ts";

/** Characters that may be queued. Further lines are dropped until half of them are written. */
const QUEUE_SIZE = 1 << 20;
/** Maximum characters in one write: Linux writes 4096 bytes to a pipe as a whole. */
const BATCH_SIZE = 4096;
/** Closing gives up if nothing is written for this long, in milliseconds. */
const STALL_MS = 1000;
/** Closing gives up after this long, in milliseconds. */
const LAST_LINES_MS = 10_000;

const NEWLINE = 10;
const encoder = new TextEncoder();

/** Whole lines. */
interface Item {
  readonly text: string;
  /** How many messages are lost if it is not written. */
  readonly messages: number;
  /** Whether it reports dropped messages, which are counted already. */
  readonly isReport: boolean;
}

/**
 * Lines for standard error, written in order. Queueing never waits: a reader that is slow, stopped
 * or has exited delays nothing else.
 *
 * Memory is bounded. Lines that find the queue full, or that cannot be written, are dropped and
 * counted; their number is printed once there is room again.
 */
export class LineQueue {
  readonly #stream: StandardStream;
  readonly #name: string;
  #items: Item[] = [];
  /** Characters that are queued or being written. */
  #size = 0;
  #running: Promise<void> | undefined;
  #closed = false;
  /** Whether the queue was full and is not yet half empty. */
  #late = false;
  /** Messages dropped since the last report. */
  #unreported = 0;
  /** Why the last write failed, since the last report. */
  #failure: string | undefined;
  /** Whether the last write ended within a line. */
  #isCut = false;
  #dropped = 0;

  /** @param name What the stream is called in messages. */
  constructor(stream: StandardStream, name: string) {
    this.#stream = stream;
    this.#name = name;
  }

  /** Messages that were dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Queues a line. */
  readonly line = (line: string): void => this.text(`${line}\n`);

  /** Queues a text of whole lines. */
  readonly text = (text: string): void => {
    if (this.#closed) return;
    const item = { text, messages: 1, isReport: false };
    if (this.#size > 0 && this.#size + text.length > QUEUE_SIZE) this.#late = true;
    if (this.#late) this.#drop(item);
    else this.#push(item);
  };

  /**
   * Accepts nothing more, and writes what is queued for as long as it is read.
   *
   * @returns Whether everything was written or lost to an error. If not, a write is still pending.
   */
  async close(): Promise<boolean> {
    this.#closed = true;
    this.#late = false;
    this.#report();
    const written = this.#running ?? Promise.resolve();
    const limits = { patienceMs: STALL_MS, limitMs: LAST_LINES_MS };
    if (await settlesWithProgress(written, () => this.#size, limits)) return true;
    this.#items = [];
    return false;
  }

  #push(item: Item): void {
    this.#items.push(item);
    this.#size += item.text.length;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // Lines of the same turn go into the same write.
    await Promise.resolve();
    while (this.#items.length > 0) {
      const batch = this.#nextBatch();
      const isWritten = await this.#write(batch);
      this.#size -= batch.reduce((size, { text }) => size + text.length, 0);
      if (this.#size <= QUEUE_SIZE / 2) this.#late = false;
      if (isWritten && !this.#late) this.#report();
    }
    this.#running = undefined;
  }

  #nextBatch(): Item[] {
    let count = 0, size = 0;
    for (const { text } of this.#items) {
      size += text.length;
      if (count > 0 && size > BATCH_SIZE) break;
      count++;
    }
    return this.#items.splice(0, count);
  }

  /** Returns whether all was written. */
  async #write(batch: readonly Item[]): Promise<boolean> {
    const start = this.#isCut ? "\n" : "";
    const bytes = encoder.encode(start + batch.map(({ text }) => text).join(""));
    let at = 0;
    try {
      while (at < bytes.length) at += await this.#stream.write(bytes.subarray(at));
      this.#isCut = false;
      return true;
    } catch (error) {
      this.#failure = systemReason(error);
      if (at > 0) this.#isCut = bytes[at - 1] !== NEWLINE;
      let end = start.length;
      for (const item of batch) {
        end += encoder.encode(item.text).length;
        if (end > at) this.#drop(item);
      }
      return false;
    }
  }

  #drop({ messages, isReport }: Item): void {
    this.#unreported += messages;
    if (!isReport) this.#dropped += messages;
  }

  /** Prints how many messages were dropped since the last report, and why. */
  #report(): void {
    const messages = this.#unreported;
    if (messages === 0) return;
    const reason = this.#failure === undefined
      ? `${this.#name} is too slow`
      : `can't write to ${this.#name}: ${this.#failure}`;
    this.#unreported = 0;
    this.#failure = undefined;
    const text = `${withName(`${droppedText(messages, "message")}, ${reason}`)}\n`;
    this.#push({ text, messages, isReport: true });
  }
}
