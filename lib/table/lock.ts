/**
 * Milliseconds after which the holder of the lock counts as dead: it is held for microseconds. A
 * worker that is terminated while it holds the lock cannot release it, and its death is not reported while
 * the main isolate waits.
 */
const DEAD_MS = 1000;

/** A lock in shared memory. Isolates are numbered from 0; the word is 0 while the lock is free. */
export class Lock {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #me: number;
  readonly #of: string;
  #isHeld = false;

  /** @param options `at`: the word of the lock; `of`: what it locks, for errors. */
  constructor(
    words: Int32Array,
    { at, worker, of }: { at: number; worker: number; of: string },
  ) {
    this.#words = words;
    this.#at = at;
    this.#me = worker + 1;
    this.#of = of;
  }

  /** Whether this isolate holds it. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Runs a function with the lock held. The function must be short, and must not call `run`. */
  run<T>(work: () => T): T {
    if (this.#isHeld) throw new Error(`the lock of the ${this.#of} is held already`);
    this.#acquire();
    this.#isHeld = true;
    try {
      return work();
    } finally {
      this.#isHeld = false;
      Atomics.compareExchange(this.#words, this.#at, this.#me, 0);
      Atomics.notify(this.#words, this.#at, 1);
    }
  }

  /** Releases the lock if a dead worker holds it. */
  releaseWorker(worker: number): void {
    Atomics.compareExchange(this.#words, this.#at, worker + 1, 0);
  }

  #acquire(): void {
    let holder = Atomics.compareExchange(this.#words, this.#at, 0, this.#me);
    for (let since = performance.now(), first = holder; holder !== 0;) {
      // Sleep, so that the holder can get a core.
      Atomics.wait(this.#words, this.#at, holder, 1);
      holder = Atomics.compareExchange(this.#words, this.#at, 0, this.#me);
      if (holder !== first) [first, since] = [holder, performance.now()];
      else if (holder !== 0 && performance.now() - since > DEAD_MS) {
        holder = this.#takeFrom(holder) ? 0 : holder;
      }
    }
  }

  #takeFrom(holder: number): boolean {
    return Atomics.compareExchange(this.#words, this.#at, holder, this.#me) === holder;
  }
}
