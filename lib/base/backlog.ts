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

/** A reader is too slow if there is no room for this many ticks. */
const PATIENCE_TICKS = 10, TICK_MS = 100;
/** A tick in which more than this was queued does not count. */
const MAX_QUEUED_PER_TICK = 50;

/** Calls a function once after some milliseconds; returns a function that cancels the call. */
type Schedule = (call: () => void, ms: number) => () => void;

/**
 * A backlog whose senders wait for a bounded time, and meanwhile may queue beyond the limit what
 * cannot wait. If it stays full for a second, the reader is too slow: from then on nobody waits, and
 * everything is to be dropped until the queue is half empty.
 *
 * Only time in which the reader is to blame counts. While this process is suspended, no ticks
 * happen. And in a burst, the event loop may report a write seconds after it was done, because it
 * reports only some operations in each turn and timers overtake them; so ticks in which much was
 * queued do not count. A burst ends soon if nothing new is accepted.
 */
export class PatientBacklog extends Backlog {
  readonly #patienceTicks: number;
  readonly #schedule: Schedule;
  #cancel: (() => void) | undefined;
  #ticks = 0;
  #queuedInTick = 0;
  #isTooSlow = false;

  /**
   * @param limit It is full when this much is queued.
   * @param options `patienceS`: how many seconds it may stay full, default 1; `schedule` replaces
   *     `setTimeout` in tests.
   */
  constructor(limit: number, options: { patienceS?: number; schedule?: Schedule } = {}) {
    super(limit);
    this.#patienceTicks = (options.patienceS ?? 1) * PATIENCE_TICKS;
    this.#schedule = options.schedule ?? later;
  }

  /** Whether the reader is too slow. */
  override get mustDrop(): boolean {
    return this.#isTooSlow;
  }

  override add(amount: number): void {
    super.add(amount);
    this.#queuedInTick++;
    if (this.isFull && !this.#isTooSlow && this.#cancel === undefined) this.#nextTick();
  }

  override remove(amount: number): void {
    super.remove(amount);
    if (this.size <= this.limit / 2) this.#isTooSlow = false;
  }

  override room(): Promise<void> | undefined {
    return this.#isTooSlow ? undefined : super.room();
  }

  override release(): void {
    this.#stopTicks();
    super.release();
  }

  #nextTick(): void {
    this.#queuedInTick = 0;
    this.#cancel = this.#schedule(() => {
      if (this.#queuedInTick <= MAX_QUEUED_PER_TICK) this.#ticks++;
      if (this.#ticks < this.#patienceTicks) return this.#nextTick();
      this.#isTooSlow = true;
      this.release();
    }, TICK_MS);
  }

  #stopTicks(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#ticks = 0;
  }
}

function later(call: () => void, ms: number): () => void {
  const timer = setTimeout(call, ms);
  return () => clearTimeout(timer);
}
