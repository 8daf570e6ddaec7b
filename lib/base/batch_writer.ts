/** Writes what it can of some bytes, as `Deno.stdout.write`. */
export type Write = (bytes: Uint8Array) => Promise<number>;

/** Bytes that may wait before senders are asked to wait too. */
const ROOM_BYTES = 1 << 20;
/** Bytes that are written in one call at the most. */
const BATCH_BYTES = 64 << 10;

/**
 * Output in order and in batches: one write at a time, everything that came meanwhile goes with
 * the next one. A call costs about 70 µs (a thread hop), a block much less.
 *
 * A reader that is slow slows those who wait for {@link room}; nothing is lost and memory stays
 * bounded. After an error everything is thrown away and `failed` is called once.
 */
export class BatchWriter {
  readonly #write: Write;
  readonly #failed: (error: unknown) => void;
  #queue: Uint8Array[] = [];
  #bytes = 0;
  #running: Promise<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #dead = false;
  readonly #abandoned = Promise.withResolvers<void>();

  /**
   * @param write Where the bytes go.
   * @param failed Told the first error, such as a reader that has gone (EPIPE).
   */
  constructor(write: Write, failed: (error: unknown) => void) {
    this.#write = write;
    this.#failed = failed;
  }

  /** Queues bytes, which must not change any more. */
  push(bytes: Uint8Array): void {
    if (this.#dead || bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#bytes += bytes.length;
    this.#running ??= this.#run();
  }

  /** Whoever pushes waits for this; `undefined` if there is room already. */
  room(): Promise<void> | undefined {
    if (this.#bytes <= ROOM_BYTES) return undefined;
    return (this.#room ??= Promise.withResolvers()).promise;
  }

  /** Waits until all that was pushed so far is written, lost to an error or abandoned. */
  async flush(): Promise<void> {
    await Promise.race([this.#running, this.#abandoned.promise]);
  }

  /** Throws away what is not written, and whatever is pushed from now on. */
  abandon(): void {
    this.#dead = true;
    this.#queue = [];
    this.#bytes = 0;
    this.#release();
    this.#abandoned.resolve();
  }

  async #run(): Promise<void> {
    try {
      while (this.#queue.length > 0) await this.#writeAll(this.#take());
    } catch (error) {
      this.#dead = true;
      this.#queue = [];
      this.#bytes = 0;
      this.#failed(error);
    } finally {
      this.#running = undefined;
      this.#release();
    }
  }

  /** Takes one batch off the queue. */
  #take(): Uint8Array {
    let count = 0, length = 0;
    while (count < this.#queue.length && (count === 0 || length < BATCH_BYTES)) {
      length += this.#queue[count++]!.length;
    }
    const blocks = this.#queue.splice(0, count);
    if (blocks.length === 1) return blocks[0]!;
    const batch = new Uint8Array(length);
    let at = 0;
    for (const block of blocks) {
      batch.set(block, at);
      at += block.length;
    }
    return batch;
  }

  async #writeAll(batch: Uint8Array): Promise<void> {
    for (let at = 0; at < batch.length && !this.#dead;) at += await this.#write(batch.subarray(at));
    if (this.#dead) return;
    this.#bytes -= batch.length;
    if (this.#bytes <= ROOM_BYTES) this.#release();
  }

  #release(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
