/**
 * When and how the event loop yields to the runtime, which handles timers only then.
 *
 * The runtime looks at its timers when it has to wait. A sleep of some microseconds in another thread
 * makes it wait, usually: if the sleep ends before that, it has looked at nothing. A timer always
 * works, but takes one or two milliseconds. So the loop sleeps, and takes a timer now and then.
 */

import type { LibC } from "./system/libc.ts";

/**
 * Timers may be late by about this many milliseconds; after a message by fewer, because a command
 * may wait for some.
 */
const YIELD_MS = 50, HURRY_YIELD_MS = 5;
/** How long that lasts after a message, in milliseconds. */
const HURRY_MS = 100;
/** By so many at most, even if no sleep makes the runtime wait. */
const TIMER_MS = 100;
/** Length of a sleep in microseconds. */
const SLEEP_US = 50;

/** See the top of the file. Times are those of `performance.now()`. */
export class RuntimeTurns {
  readonly #c: LibC;
  #yieldedAt = performance.now();
  #timerAt = this.#yieldedAt;
  #hurryUntil = 0;

  constructor(c: LibC) {
    this.#c = c;
  }

  /** Whether the runtime should have a turn. */
  isDue(now: number): boolean {
    return now - this.#yieldedAt >= this.#every(now);
  }

  /** For how many milliseconds the isolate may be blocked, at least 1. */
  untilDue(now: number): number {
    return Math.max(1, Math.ceil(this.#yieldedAt + this.#every(now) - now));
  }

  /** A message has arrived. */
  hurry(now: number): void {
    this.#hurryUntil = now + HURRY_MS;
  }

  #every(now: number): number {
    return now < this.#hurryUntil ? HURRY_YIELD_MS : YIELD_MS;
  }

  /** Yields. */
  async take(now: number): Promise<void> {
    if (now - this.#timerAt >= TIMER_MS) {
      await new Promise((resolve) => void setTimeout(resolve, 0));
      this.#timerAt = performance.now();
    } else await this.#c.usleep_aside(SLEEP_US);
    this.taken();
  }

  /** The isolate has been free otherwise. */
  taken(): void {
    this.#yieldedAt = performance.now();
  }
}
