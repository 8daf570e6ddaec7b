/**
 * When and how the event loop yields to the runtime, which handles timers only then.
 *
 * The runtime looks at its timers when it has to wait, so the loop waits for events in another
 * thread. If events arrive so soon that the runtime does not wait, a sleep in another thread makes it
 * wait, usually; a timer always does, but takes one or two milliseconds.
 */

import type { LibC } from "../system/libc.ts";

/**
 * While events arrive, timers may be late by about this many milliseconds; by fewer for a while after
 * something that may have started some. Clocks do not depend on timers, see `Engine.beforeEvents()`.
 */
const YIELD_MS = 1000, HURRY_YIELD_MS = 5;
/** How long that lasts, in milliseconds. */
const HURRY_MS = 300;
/** Timers are late by at most this many milliseconds, even if no sleep makes the runtime wait. */
const TIMER_MS = 2500;
/** Milliseconds of a wait in another thread, after fewer of which the runtime has not waited. */
const WAIT_MS = 1, SURE_MS = 0.3;
/** Length of a sleep in microseconds. */
const SLEEP_US = 50;

/** Waits for events in another thread for at most this many milliseconds, and handles them. */
export type WaitAside = (timeoutMs: number) => Promise<void>;

/** See the top of the file. Times are those of `performance.now()`. */
export class RuntimeTurns {
  readonly #c: LibC;
  readonly #waitAside: WaitAside;
  #yieldedAt = performance.now();
  /** When the runtime has waited last, for certain. */
  #waitedAt = this.#yieldedAt;
  #hurryUntil = 0;

  constructor(c: LibC, waitAside: WaitAside) {
    this.#c = c;
    this.#waitAside = waitAside;
  }

  /** Whether the runtime should have a turn. */
  isDue(now: number): boolean {
    return now - this.#yieldedAt >= this.#every(now);
  }

  /** For how many milliseconds the isolate may be blocked, at least 1. */
  untilDue(now: number): number {
    return Math.max(1, Math.ceil(this.#yieldedAt + this.#every(now) - now));
  }

  /** Something may have started timers. */
  hurry(now: number): void {
    this.#hurryUntil = now + HURRY_MS;
  }

  #every(now: number): number {
    return now < this.#hurryUntil ? HURRY_YIELD_MS : YIELD_MS;
  }

  /** Yields. */
  async take(now: number): Promise<void> {
    if (now - this.#waitedAt >= TIMER_MS) {
      await new Promise((resolve) => void setTimeout(resolve, 0));
      return this.taken();
    }
    await this.#waitAside(WAIT_MS);
    if (performance.now() - now >= SURE_MS) return this.taken();
    await this.#c.usleep_aside(SLEEP_US);
    this.#yieldedAt = performance.now();
  }

  /** The isolate has been free. */
  taken(): void {
    this.#yieldedAt = this.#waitedAt = performance.now();
  }
}
