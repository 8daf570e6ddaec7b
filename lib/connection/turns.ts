/**
 * Turns of the event loop. A connection whose data comes faster than it is dumped never waits for
 * it, so nothing else in this isolate would be served until its sender pauses.
 */

/** Work of this many milliseconds ends the turn. */
const TURN_MS = 5;

let workedMs = 0;
let nextTurn: Promise<void> | undefined;

/**
 * Accounts for synchronous work, and waits for the next turn if this one has lasted long enough.
 *
 * @param startMs When the work started, by `performance.now()`.
 * @param room What else to wait for.
 * @returns `undefined` if there is nothing to wait for.
 */
export function afterWork(
  startMs: number,
  room: Promise<void> | undefined,
): Promise<void> | undefined {
  workedMs += performance.now() - startMs;
  if (nextTurn === undefined && workedMs >= TURN_MS) {
    nextTurn = new Promise<void>((resolve) => setTimeout(resolve, 0)).then(() => {
      workedMs = 0;
      nextTurn = undefined;
    });
  }
  if (nextTurn === undefined || room === undefined) return nextTurn ?? room;
  return Promise.all([nextTurn, room]).then(() => {});
}

/** Limits how often something is done in one turn of the event loop. */
export class TurnLimit {
  readonly #limit: number;
  #count = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #next: PromiseWithResolvers<void> | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Counts once. */
  add(): void {
    this.#count++;
    this.#timer ??= setTimeout(() => this.stop(), 0);
  }

  /** Waits for the next turn if the limit is reached; `undefined` otherwise. */
  room(): Promise<void> | undefined {
    if (this.#count < this.#limit) return undefined;
    return (this.#next ??= Promise.withResolvers()).promise;
  }

  /** Stops the timer, and lets the waiting continue. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#count = 0;
    this.#next?.resolve();
    this.#next = undefined;
  }
}
