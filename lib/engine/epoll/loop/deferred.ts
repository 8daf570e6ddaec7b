/** Work for {@link DeferredWork}. */
export interface Deferred {
  run(): void;
  /** {@link run} has thrown. */
  bug(error: unknown): void;
}

/** What is done after the current events. */
export class DeferredWork {
  readonly #bug: (where: Deferred, error: unknown) => void;
  #all: Deferred[] = [];
  /** An empty array, to be used again. */
  #spare: Deferred[] = [];

  /** @param bug Receives what some work has thrown. */
  constructor(bug: (where: Deferred, error: unknown) => void) {
    this.#bug = bug;
  }

  /** Whether there is no work. */
  get isEmpty(): boolean {
    return this.#all.length === 0;
  }

  add(work: Deferred): void {
    this.#all.push(work);
  }

  cancel(work: Deferred): void {
    const at = this.#all.indexOf(work);
    if (at >= 0) this.#all.splice(at, 1);
  }

  clear(): void {
    this.#all = [];
  }

  /** Runs all work. Work that is added during that runs the next time. */
  run(): void {
    const all = this.#all;
    if (all.length === 0) return;
    this.#all = this.#spare;
    for (const work of all) {
      try {
        work.run();
      } catch (error) {
        this.#bug(work, error);
      }
    }
    all.length = 0;
    this.#spare = all;
  }
}
