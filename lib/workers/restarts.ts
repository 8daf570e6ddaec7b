/** Milliseconds before a worker that died is restarted; doubled for each death in a row. */
const MIN_PAUSE_MS = 100, MAX_PAUSE_MS = 10_000;
/** Milliseconds without a death after which the pause is the minimum again. */
const HEALTHY_MS = 60_000;

/** Restarts workers, each after a pause. */
export class Restarts {
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #deathsInRow = 0;
  #lastDeath = -Infinity;

  /** A worker has died. @param restart Called after the pause. */
  plan(restart: () => void): void {
    if (performance.now() - this.#lastDeath > HEALTHY_MS) this.#deathsInRow = 0;
    this.#lastDeath = performance.now();
    const pause = Math.min(MIN_PAUSE_MS * 2 ** this.#deathsInRow++, MAX_PAUSE_MS);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      restart();
    }, pause);
    this.#timers.add(timer);
  }

  /** Cancels all planned restarts. */
  cancel(): void {
    this.#timers.forEach(clearTimeout);
  }
}
