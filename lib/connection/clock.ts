/** Something that looks at the time now and then. */
export interface Ticking {
  /** Called about every {@link TICK_MS} while it is watched. */
  tick(now: number): void;
}

/** Milliseconds between two ticks. */
export const TICK_MS = 100;

/**
 * A coarse clock that all connections share instead of timers of their own.
 *
 * It is monotonic, so setting the wall clock changes nothing. Time during which the process was
 * stopped does not count, so a suspended process does not find its connections idle. It ticks only
 * while something is watched.
 */
export class Clock {
  /** Milliseconds since an arbitrary moment; advances in steps. */
  now = 0;
  readonly #watching = new Set<Ticking>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #last = 0;

  /** Calls `tick` from now on. */
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

  /** Stops for good. */
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
