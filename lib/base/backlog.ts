/** The bytes queued for a slow reader, and the senders that wait for room: back-pressure. */
export class Backlog {
  /** It is full when this many bytes are queued. */
  readonly limit: number;
  #bytes = 0;
  #room: PromiseWithResolvers<void> | undefined;

  /** @param limit In bytes. */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** Bytes that are queued. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether senders should wait. */
  get isFull(): boolean {
    return this.#bytes >= this.limit;
  }

  /** Whether bytes that cannot wait should be dropped. */
  get mustDrop(): boolean {
    return this.isFull;
  }

  /** Counts bytes that were queued. */
  add(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Counts bytes that left the queue; waiting senders continue if there is room. */
  remove(bytes: number): void {
    this.#bytes -= bytes;
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
 * bytes are to be dropped until the queue is half empty.
 *
 * Only time in which the reader is to blame counts. While this process is suspended, no ticks
 * happen. And in a burst, the event loop may report a write seconds after it was done, because it
 * reports only some operations in each turn and timers overtake them; so ticks in which much was
 * queued do not count. A burst ends soon if nothing new is accepted.
 */
export class PatientBacklog extends Backlog {
  readonly #patience: number;
  readonly #schedule: Schedule;
  #cancel: (() => void) | undefined;
  #ticks = 0;
  #queuedInTick = 0;
  #isTooSlow = false;

  /**
   * @param limit It is full when this many bytes are queued.
   * @param options `patience`: how many seconds it may stay full, default 1; `schedule` replaces
   *     `setTimeout` in tests.
   */
  constructor(limit: number, options: { patience?: number; schedule?: Schedule } = {}) {
    super(limit);
    this.#patience = (options.patience ?? 1) * PATIENCE_TICKS;
    this.#schedule = options.schedule ?? later;
  }

  /** Whether the reader is too slow. */
  override get mustDrop(): boolean {
    return this.#isTooSlow;
  }

  override add(bytes: number): void {
    super.add(bytes);
    this.#queuedInTick++;
    if (this.isFull && !this.#isTooSlow && this.#cancel === undefined) this.#nextTick();
  }

  override remove(bytes: number): void {
    super.remove(bytes);
    if (!this.isFull) this.#stopTicks();
    if (this.bytes <= this.limit / 2) this.#isTooSlow = false;
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
      if (this.#ticks < this.#patience) return this.#nextTick();
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
