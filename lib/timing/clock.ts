import type { Engine } from "../engine/engine.ts";

/** An object whose time limits are checked periodically. */
export interface Ticking {
  /**
   * Called about every {@link TICK_MS} while the clock watches it, or less often: see the result.
   *
   * @returns How many milliseconds may pass until the next call; default {@link TICK_MS}.
   */
  tick(now: number): number | void;
}

/** Milliseconds between two ticks. */
export const TICK_MS = 100;
/** The same if no object needs more, and events set the time or nothing asks for it. */
const MAX_TICK_MS = 1000;

/**
 * A clock that all connections share instead of a timer each.
 *
 * It is monotonic. Time during which the process was suspended does not count, so that no
 * connection is closed as idle afterwards. It runs only while it watches something, and slower while
 * nothing asks for the time.
 */
export class Clock {
  #now = 0;
  readonly #watching = new Set<Ticking>();
  /** Whether events set the time, too, so that it is right when something happens. */
  readonly #isDriven: boolean;
  /** Whether something has asked for the time since the last tick. */
  #isRead = false;
  /** Whether ticks are rare, so that the time is old. */
  #isSlow = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  // Times by `performance.now()`.
  #timerAt = 0;
  #last = 0;
  /** When the next tick is planned. */
  #next = 0;

  /** @param engine Its events set the time, if timers may be late with it. */
  constructor(engine?: Pick<Engine, "beforeEvents">) {
    this.#isDriven = engine?.beforeEvents !== undefined;
    engine?.beforeEvents?.((now) => {
      if (this.#timer !== undefined && now - this.#last >= TICK_MS) this.#tick(now);
    });
  }

  /** Milliseconds since an arbitrary moment, at most about {@link TICK_MS} old. */
  get now(): number {
    this.#isRead = true;
    if (this.#isSlow) this.#wake();
    return this.#now;
  }

  /** Starts calling `tick`. */
  watch(ticking: Ticking): void {
    this.#watching.add(ticking);
    // Usually it ticks often enough already.
    if (this.#timer !== undefined && this.#next - this.#last <= TICK_MS) return;
    const now = performance.now();
    if (this.#timer === undefined) this.#last = now;
    else if (this.#next <= now + TICK_MS) return;
    this.#plan(now + TICK_MS);
  }

  /** Stops calling `tick`. */
  unwatch(ticking: Ticking): void {
    this.#watching.delete(ticking);
  }

  /** Stops calling everything. */
  stop(): void {
    this.#watching.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isSlow = false;
  }

  /** Sets the time. The caller may be an object that is watched, so nothing is called. */
  #wake(): void {
    this.#isSlow = false;
    const now = performance.now();
    this.#advance(now);
    this.#plan(Math.min(this.#next, now + TICK_MS));
  }

  #advance(now: number): void {
    this.#now += Math.min(now, this.#next + TICK_MS) - this.#last;
    this.#last = now;
  }

  #plan(next: number): void {
    this.#next = next;
    if (this.#timer !== undefined && this.#timerAt <= next) return;
    clearTimeout(this.#timer);
    this.#timerAt = next;
    const ms = Math.max(0, next - performance.now());
    this.#timer = setTimeout(() => this.#timerEnded(), ms);
  }

  #timerEnded(): void {
    const now = performance.now();
    this.#timerAt = Infinity;
    // Events may have caused a tick since the timer was set.
    if (this.#next - now >= 1) this.#plan(this.#next);
    else this.#tick(now);
  }

  #tick(now: number): void {
    if (this.#watching.size === 0) return this.stop();
    this.#advance(now);
    let waitMs = MAX_TICK_MS;
    for (const ticking of this.#watching) {
      waitMs = Math.min(waitMs, ticking.tick(this.#now) ?? TICK_MS);
    }
    if (this.#timer === undefined) return;
    waitMs = this.#isDriven || !this.#isRead ? Math.max(TICK_MS, waitMs) : TICK_MS;
    this.#isRead = false;
    this.#isSlow = !this.#isDriven && waitMs > TICK_MS;
    this.#plan(now + waitMs);
  }
}
