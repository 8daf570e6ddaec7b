/**
 * Turns of the event loop. A connection whose data comes faster than it is dumped never waits for
 * it, so nothing else in this isolate would be served until its sender pauses.
 */

import { setImmediate } from "node:timers";

/** Work of this many milliseconds ends the turn. */
const TURN_MS = 5;

let workedMs = 0;
let pause: Promise<void> | undefined;

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
  if (pause === undefined && workedMs >= TURN_MS) {
    pause = new Promise<void>((resolve) => setTimeout(resolve, 0)).then(() => {
      workedMs = 0;
      pause = undefined;
    });
  }
  if (pause === undefined || room === undefined) return pause ?? room;
  return Promise.all([pause, room]).then(() => {});
}

/** Waits for a turn of the event loop after something was done a number of times. */
export class TurnLimit {
  readonly #limit: number;
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Counts once. */
  add(): void {
    this.#count++;
  }

  /** Waits for the next turn if the limit is reached, and counts anew; `undefined` otherwise. */
  room(): Promise<void> | undefined {
    if (this.#count < this.#limit) return undefined;
    this.#count = 0;
    return nextTurn();
  }
}

/** Waits for the next turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
