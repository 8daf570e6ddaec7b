import type { Backlog } from "../base/backlog.ts";

/**
 * Sends batches from a worker to the main isolate, one at a time: what is queued while a batch is not
 * answered yet goes into the next one. What is queued in one turn goes into the same batch.
 */
export class OneInFlight {
  readonly #backlog: Backlog;
  readonly #post: () => void;
  /** Size of the batch that is not answered yet, if any. */
  #pending: number | undefined;
  #isScheduled = false;

  /**
   * @param backlog Counts what is queued or pending.
   * @param post Sends everything that is queued, if anything. Returns whether it did.
   */
  constructor(backlog: Backlog, post: () => boolean) {
    this.#backlog = backlog;
    this.#post = () => {
      if (this.#pending === undefined && post()) this.#pending = this.#backlog.size;
    };
  }

  /** Something was queued: it is sent at the end of this turn, or after the pending batch. */
  queued(): void {
    if (this.#isScheduled || this.#pending !== undefined) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#post();
    });
  }

  /** The main isolate has answered the pending batch. */
  taken(): void {
    this.#backlog.remove(this.#pending ?? 0);
    this.flush();
  }

  /** Sends what is queued at once, without waiting for the answer. */
  flush(): void {
    this.#pending = undefined;
    this.#post();
  }
}
