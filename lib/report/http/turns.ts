/** Work in one turn of the event loop; more would delay the connections of the proxy. */
const PER_TURN = 4;

/**
 * Shares the event loop with the proxy: in each turn, only a few pieces of work are done, in the
 * order in which they were asked for. A client that reads slowly holds up no turn.
 */
export class Turns {
  #left = PER_TURN;
  #waiting: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Waits until another piece of work may be done. */
  async next(): Promise<void> {
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#begin(), 0);
    if (this.#left > 0 && this.#waiting.length === 0) this.#left--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Ends the current turn at once. Nothing may be asked for afterwards. */
  close(): void {
    clearTimeout(this.#timer);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #begin(): void {
    const now = this.#waiting.splice(0, PER_TURN);
    this.#left = PER_TURN - now.length;
    this.#timer = now.length === 0 ? undefined : setTimeout(() => this.#begin(), 0);
    for (const resolve of now) resolve();
  }
}
