/**
 * The access log in a worker: sends lines to the main isolate, one batch at a time; lines that arrive
 * meanwhile go into the next batch. The main isolate answers when the log has room, or when it is too
 * slow and drops lines.
 */

import { PatientBacklog } from "../base/backlog.ts";
import { OneInFlight } from "./one_in_flight.ts";

/** Characters that may be queued or pending before accepting waits. */
const QUEUE_SIZE = 64 << 10;
/** Twice the patience of the log itself, which decides first whether lines are dropped. */
const PATIENCE_S = 2;

/** Lines of one message; the main isolate answers when it has room again. */
export interface LogBatch {
  readonly lines: readonly string[];
  /** How many lines were dropped before these, because the main isolate did not answer. */
  readonly lost: number;
}

/** The queue of log lines of one worker. */
export class LogOutbox {
  readonly #post: (batch: LogBatch) => void;
  readonly #backlog: PatientBacklog;
  #lines: string[] = [];
  #lost = 0;
  readonly #batches: OneInFlight;

  /**
   * @param post Sends a batch.
   * @param backlog Replaces the queue's limits in tests.
   */
  constructor(
    post: (batch: LogBatch) => void,
    backlog = new PatientBacklog(QUEUE_SIZE, { patienceS: PATIENCE_S }),
  ) {
    this.#post = post;
    this.#backlog = backlog;
    this.#batches = new OneInFlight(backlog, () => this.#send());
  }

  /** Queues a line; it is dropped and counted if the main isolate does not answer. */
  line(text: string): void {
    if (this.#backlog.mustDrop) {
      this.#lost++;
      return;
    }
    this.#backlog.add(text.length);
    this.#lines.push(text);
    this.#batches.queued();
  }

  /** Waits for room, for a limited time; `undefined` if there is room or lines are dropped. */
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
    if (this.#lines.length + this.#lost === 0) return false;
    const batch = { lines: this.#lines, lost: this.#lost };
    this.#lines = [];
    this.#lost = 0;
    this.#post(batch);
    return true;
  }
}
