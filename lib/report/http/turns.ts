/** Calls a function in a later turn of the event loop. Returns a function that cancels this. */
export type Scheduler = (run: () => void) => () => void;

/**
 * Shares the event loop with the proxy: in each turn, one piece of work is done, in the order in
 * which they were asked for. Measured with 64 clients that scrape 256 channels in a loop: two pieces
 * double the 99th percentile of the proxy's latency. A client that reads slowly holds up no turn.
 */
export class Turns {
  readonly #schedule: Scheduler;
  readonly #waiting: (() => void)[] = [];
  /** Set if the work of the current turn is done. */
  #cancel: (() => void) | undefined;
  #isClosed = false;

  /** @param schedule Default: with a timer, so that sockets are served before. */
  constructor(schedule: Scheduler = nextTurn) {
    this.#schedule = schedule;
  }

  /** Waits until another piece of work may be done. After {@linkcode close}, it may at once. */
  async next(): Promise<void> {
    if (this.#isClosed) return;
    if (this.#cancel === undefined) this.#cancel = this.#schedule(() => this.#begin());
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Lets all work be done at once. Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #begin(): void {
    const resolve = this.#waiting.shift();
    this.#cancel = resolve && this.#schedule(() => this.#begin());
    resolve?.();
  }
}

function nextTurn(run: () => void): () => void {
  const timer = setTimeout(run, 0);
  return () => clearTimeout(timer);
}
