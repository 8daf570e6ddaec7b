/** Milliseconds between two looks for events. */
const EVERY_MS = 1;

/**
 * Looks for events by a timer, in an isolate that has other work, too, and must not be blocked
 * (tests). The timer runs only while there is something to look for.
 */
export class TimedLooks {
  readonly #look: () => void;
  readonly #isNeeded: () => boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  constructor(options: { look: () => void; isNeeded: () => boolean }) {
    this.#look = options.look;
    this.#isNeeded = options.isNeeded;
  }

  /** Something may be needed from now on. */
  start(): void {
    if (this.#timer !== undefined || this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#look();
      if (this.#isNeeded()) this.start();
    }, EVERY_MS);
  }

  /** Ends the timer if nothing is needed; returns whether that is so. */
  endIfIdle(): boolean {
    if (this.#isNeeded()) return false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return true;
  }

  /** Stops it permanently. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }
}
