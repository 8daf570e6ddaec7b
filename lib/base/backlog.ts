/**
 * How much is queued for a slow reader, in a unit that the owner chooses, and the senders that wait
 * for room: back-pressure.
 */
export class Backlog {
  /** It is full when this much is queued. */
  readonly limit: number;
  #size = 0;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** How much is queued. */
  get size(): number {
    return this.#size;
  }

  /** Whether senders should wait. */
  get isFull(): boolean {
    return this.#size >= this.limit;
  }

  /** Whether what cannot wait should be dropped. */
  get mustDrop(): boolean {
    return this.isFull;
  }

  /** Counts what was queued. */
  add(amount: number): void {
    this.#size += amount;
  }

  /** Counts what left the queue; waiting senders continue if there is room. */
  remove(amount: number): void {
    this.#size -= amount;
    if (!this.isFull) this.release();
  }

  /** Waits for room; `undefined` if there is room now. */
  room(): Promise<void> | undefined {
    return this.isFull ? (this.#room ??= Promise.withResolvers()).promise : undefined;
  }

  /** Lets all waiting senders continue, whether there is room or not. */
  release(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}

/** A reader is judged after this many milliseconds without room, in ticks. */
const PERIOD_MS = 1000, TICK_MS = 100;
/** In each period, it must take at least this part of the limit. */
const MIN_PART = 1 / 8;
/**
 * A tick in which more than this was queued counts only in part: in a burst, the event loop may
 * report a write seconds after it was done.
 */
const MAX_QUEUED_PER_TICK = 50, BURST_TICK_MS = 25;

/** Calls a function once after some milliseconds; returns a function that cancels the call. */
type Schedule = (call: () => void, ms: number) => () => void;

/**
 * A backlog whose senders wait while the reader makes progress, and meanwhile may queue beyond the
 * limit what cannot wait. If the reader takes less than an eighth of the limit in a second without
 * room, it is too slow: from then on nobody waits, and everything is to be dropped until the queue
 * is half empty. While much is queued in a burst, such a second takes up to four.
 *
 * Time in which this process is suspended does not count, because no ticks happen.
 */
export class PatientBacklog extends Backlog {
  readonly #schedule: Schedule;
  #cancel: (() => void) | undefined;
  /** Milliseconds of the current period so far. */
  #elapsedMs = 0;
  #takenInPeriod = 0;
  #queuedInTick = 0;
  #isTooSlow = false;

  /**
   * @param limit It is full when this much is queued.
   * @param options `schedule` replaces `setTimeout` in tests.
   */
  constructor(limit: number, options: { schedule?: Schedule } = {}) {
    super(limit);
    this.#schedule = options.schedule ?? later;
  }

  /** Whether the reader is too slow. */
  override get mustDrop(): boolean {
    return this.#isTooSlow;
  }

  override add(amount: number): void {
    super.add(amount);
    this.#queuedInTick++;
    if (!this.isFull || this.#isTooSlow || this.#cancel !== undefined) return;
    this.#startPeriod();
    this.#nextTick();
  }

  override remove(amount: number): void {
    this.#takenInPeriod += amount;
    super.remove(amount);
    if (this.size <= this.limit / 2) this.#isTooSlow = false;
  }

  override room(): Promise<void> | undefined {
    return this.#isTooSlow ? undefined : super.room();
  }

  override release(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    super.release();
  }

  #startPeriod(): void {
    this.#elapsedMs = 0;
    this.#takenInPeriod = 0;
  }

  #nextTick(): void {
    this.#queuedInTick = 0;
    this.#cancel = this.#schedule(() => {
      this.#elapsedMs += this.#queuedInTick > MAX_QUEUED_PER_TICK ? BURST_TICK_MS : TICK_MS;
      if (this.#elapsedMs >= PERIOD_MS) {
        if (this.#takenInPeriod < this.limit * MIN_PART) {
          this.#isTooSlow = true;
          return this.release();
        }
        this.#startPeriod();
      }
      this.#nextTick();
    }, TICK_MS);
  }
}

function later(call: () => void, ms: number): () => void {
  const timer = setTimeout(call, ms);
  return () => clearTimeout(timer);
}
