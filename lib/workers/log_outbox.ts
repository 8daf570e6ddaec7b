/**
 * The access log in a worker: sends lines to the main isolate, one batch at a time; lines that arrive
 * meanwhile go into the next batch. The main isolate answers when the log has room, or when it is too
 * slow and drops lines. Until then, accepting waits, so that only lines of connections that were
 * already accepted are queued beyond the limit.
 */

import { Backlog } from "../base/backlog.ts";
import { OneInFlight } from "./one_in_flight.ts";

/** Characters that may be queued or pending before accepting waits. */
const QUEUE_SIZE = 64 << 10;

/** The queue of log lines of one worker. */
export class LogOutbox {
  readonly #post: (lines: readonly string[]) => void;
  readonly #backlog = new Backlog(QUEUE_SIZE);
  readonly #batches = new OneInFlight(this.#backlog, () => this.#send());
  #lines: string[] = [];

  /** @param post Sends a batch of lines. */
  constructor(post: (lines: readonly string[]) => void) {
    this.#post = post;
  }

  /** Queues a line. */
  line(text: string): void {
    this.#backlog.add(text.length);
    this.#lines.push(text);
    this.#batches.queued();
  }

  /** Waits for room; `undefined` if there is room. */
  room(): Promise<void> | undefined {
    return this.#backlog.room();
  }

  /** The main isolate has answered the pending batch. */
  taken(): void {
    this.#batches.taken();
  }

  /** Sends everything at once; nothing is answered any more. */
  flush(): void {
    this.#backlog.release();
    this.#batches.flush();
  }

  #send(): boolean {
    if (this.#lines.length === 0) return false;
    const lines = this.#lines;
    this.#lines = [];
    this.#post(lines);
    return true;
  }
}
