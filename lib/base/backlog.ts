/** The bytes queued for a slow reader, and the senders that wait for room: back-pressure. */
export class Backlog {
  readonly #limit: number;
  #bytes = 0;
  #room: PromiseWithResolvers<void> | undefined;

  /** @param limit It is full when this many bytes are queued. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that are queued. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether senders should wait. */
  get isFull(): boolean {
    return this.#bytes >= this.#limit;
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
