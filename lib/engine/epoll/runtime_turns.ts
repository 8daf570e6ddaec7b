/**
 * When and how the event loop yields to the runtime, which handles messages and timers only then.
 *
 * The runtime looks for both when it has to wait. A sleep of some microseconds in another thread
 * makes it wait, usually: if the sleep ends before that, it has looked for nothing. A timer always
 * works, but takes one or two milliseconds. So the loop sleeps, and takes a timer now and then, and
 * when a message still has not arrived.
 */

import type { Slot } from "./event_set.ts";
import { type LibC, words } from "./system/libc.ts";

/** Timers may be late by about this many milliseconds. */
const YIELD_MS = 50;
/** By so many at most, even if no sleep makes the runtime wait. */
const TIMER_MS = 500;
/** Sleeps, and then timers, that are tried until a message has arrived. */
const SLEEPS = 4, TIMERS = 2;
/** Length of a sleep in microseconds. */
const SLEEP_US = 50;

/** See the top of the file. As a slot, it belongs to the eventfd of `EngineOptions.wakeup`. */
export class RuntimeTurns implements Slot {
  generation = 0;
  readonly #c: LibC;
  readonly #wakeup: number | undefined;
  readonly #count = words(2);
  /** Messages to this isolate so far. */
  #sent = 0;
  #received = 0;
  #yieldedAt = performance.now();
  #timerAt = this.#yieldedAt;

  /** @param wakeup The eventfd(2) that is written for each message. */
  constructor(c: LibC, wakeup: number | undefined) {
    this.#c = c;
    this.#wakeup = wakeup;
    if (wakeup !== undefined) addEventListener("message", this.#receive);
  }

  readonly #receive = (): void => {
    this.#received++;
  };

  /** A message was sent. */
  event(): void {
    const { numbers, bytes } = this.#count;
    if (this.#c.read(this.#wakeup!, bytes, 8n) === 8) this.#sent += numbers[0]!;
  }

  bug(error: unknown): void {
    throw error;
  }

  /**
   * Whether the runtime should have a turn.
   *
   * @param now By `performance.now()`.
   */
  isDue(now: number): boolean {
    return this.#received < this.#sent || now - this.#yieldedAt >= YIELD_MS;
  }

  /** For how many milliseconds the isolate may be blocked, at least 1. */
  untilDue(now: number): number {
    return Math.max(1, Math.ceil(this.#yieldedAt + YIELD_MS - now));
  }

  /** Yields, until the messages that were sent have arrived. */
  async take(now: number): Promise<void> {
    if (now - this.#timerAt >= TIMER_MS) await this.#timer();
    else await this.#c.usleep_aside(SLEEP_US);
    for (let again = 1; this.#received < this.#sent && again < SLEEPS + TIMERS; again++) {
      if (again < SLEEPS) await this.#c.usleep_aside(SLEEP_US);
      else await this.#timer();
    }
    // Whoever writes more often than it sends is not waited for again.
    this.#sent = this.#received;
    this.taken();
  }

  /** The isolate has been free otherwise. */
  taken(): void {
    this.#yieldedAt = performance.now();
  }

  /** Ends it. */
  stop(): void {
    removeEventListener("message", this.#receive);
  }

  async #timer(): Promise<void> {
    await new Promise((resolve) => void setTimeout(resolve, 0));
    this.#timerAt = performance.now();
  }
}
