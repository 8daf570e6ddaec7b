/** An object whose time limits are checked periodically. */
export interface Ticking {
  /** Called about every {@link TICK_MS} while the clock watches it. */
  tick(now: number): void;
}

/** Milliseconds between two ticks. */
export const TICK_MS = 100;

/**
 * A clock that all connections share instead of a timer each.
 *
 * It is monotonic. Time during which the process was suspended does not count, so that no
 * connection is closed as idle afterwards. It runs only while it watches something.
 */
export class Clock {
  /** Milliseconds since an arbitrary moment; advances with each tick. */
  now = 0;
  readonly #watching = new Set<Ticking>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #last = 0;

  /** Starts calling `tick`. */
  watch(ticking: Ticking): void {
    this.#watching.add(ticking);
    if (this.#timer !== undefined) return;
    this.#last = performance.now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Stops calling `tick`. */
  unwatch(ticking: Ticking): void {
    this.#watching.delete(ticking);
  }

  /** Stops calling everything. */
  stop(): void {
    this.#watching.clear();
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    if (this.#watching.size === 0) return this.stop();
    const now = performance.now();
    this.now += Math.min(now - this.#last, 2 * TICK_MS);
    this.#last = now;
    for (const ticking of this.#watching) ticking.tick(this.now);
  }
}
