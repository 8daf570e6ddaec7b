import { Backlog } from "./backlog.ts";
import { joinBytes } from "./bytes.ts";
import { settlesWithProgress } from "./within.ts";

/** Writes some or all of the bytes and returns how many, like `Deno.stdout.write`. */
type Write = (bytes: Uint8Array) => Promise<number>;

/** Something to do between two writes, such as opening the next file. */
type Step = () => Promise<void>;

/** Bytes in the queue. */
interface Piece {
  readonly bytes: Uint8Array;
  /** How many pushes it consists of. */
  readonly records: number;
}

/** Default of how many bytes may be queued before senders should wait. */
const QUEUE_BYTES = 1 << 20;
/** A batch with this many bytes is complete. */
const BATCH_BYTES = 64 << 10;
/**
 * Pieces of at most this many bytes are copied into blocks while they wait. An array of its own
 * takes hundreds of bytes, however short it is, so that the bound would not hold.
 */
const SMALL_BYTES = 1 << 10, BLOCK_BYTES = 4 << 10;

/**
 * Writes in order and in batches: one write at a time, and everything queued meanwhile goes into
 * the next one, since a write costs much more than a copy.
 *
 * Memory is bounded if senders wait for {@link room}. After an error everything is discarded, and
 * counted: of the batch that was being written, all records, even if some of them were written.
 * Several writers may share a backlog, and then its limit.
 */
export class BatchWriter {
  readonly #write: Write;
  readonly #failed: (error: unknown) => void;
  /** What is queued or being written: by this writer, and by those that share it. */
  readonly backlog: Backlog;
  readonly #isShared: boolean;
  #queue: (Piece | Step)[] = [];
  /** The end of the queue: small pieces, and how many of its bytes are used by how many of them. */
  #block: Uint8Array | undefined;
  #blockBytes = 0;
  #blockRecords = 0;
  /** Records that are queued or being written. */
  #records = 0;
  #discarded = 0;
  /** Bytes of this writer in the backlog. */
  #bytes = 0;
  #running: Promise<void> | undefined;
  /** Nothing more is accepted. */
  #closed = false;
  /** Everything is discarded. */
  #dead = false;
  #isAbandoned = false;
  readonly #abandoned = Promise.withResolvers<void>();

  /**
   * @param write Where the bytes go. Called for one batch at a time.
   * @param failed Called with the first error of a write or step, such as EPIPE.
   * @param options `queueBytes`: senders wait when this many bytes are queued (default 1 MiB);
   *     `backlog`: shared with other writers, instead of that, and not released by {@link close}.
   */
  constructor(
    write: Write,
    failed: (error: unknown) => void,
    options: { queueBytes?: number | undefined; backlog?: Backlog | undefined } = {},
  ) {
    this.#write = write;
    this.#failed = failed;
    this.#isShared = options.backlog !== undefined;
    this.backlog = options.backlog ?? new Backlog(options.queueBytes ?? QUEUE_BYTES);
  }

  /** Bytes that are queued or being written. */
  get queuedBytes(): number {
    return this.#bytes;
  }

  /** Records that were queued and then discarded. */
  get discarded(): number {
    return this.#discarded;
  }

  /**
   * Queues bytes, which must not change any more.
   *
   * @param records How many records they are.
   */
  push(bytes: Uint8Array, records = 1): void {
    if (this.#closed || bytes.length === 0) return;
    this.#bytes += bytes.length;
    this.#records += records;
    this.backlog.add(bytes.length);
    const piece = { bytes, records };
    if (this.#running === undefined || bytes.length > SMALL_BYTES) this.#enqueue(piece);
    else this.#append(piece);
  }

  /** Queues a step; it runs after everything queued before it, and before everything after it. */
  pushStep(step: Step): void {
    if (!this.#closed) this.#enqueue(step);
  }

  /** Waits for room in the queue; `undefined` if there is room now. */
  room(): Promise<void> | undefined {
    return this.#closed ? undefined : this.backlog.room();
  }

  /** Waits until everything queued so far is written, lost to an error, or abandoned. */
  async flush(): Promise<void> {
    await Promise.race([this.#running, this.#abandoned.promise]);
  }

  /**
   * Accepts nothing more, lets waiting senders continue, and writes what is queued.
   *
   * @param options `patienceMs`: gives up if nothing is written for this long (default never);
   *     `limitMs`: gives up after this long (default never).
   * @returns `false` if it gave up; a write may still be pending then, see {@link idle}.
   */
  async close(
    options: { patienceMs?: number | undefined; limitMs?: number | undefined } = {},
  ): Promise<boolean> {
    this.#closed = true;
    if (!this.#isShared) this.backlog.release();
    const { patienceMs = Infinity, limitMs } = options;
    const flushed = this.flush();
    if (patienceMs === Infinity) await flushed;
    else if (
      !await settlesWithProgress(flushed, () => this.queuedBytes, { patienceMs, limitMs })
    ) {
      this.abandon();
    }
    return !this.#isAbandoned;
  }

  /** Discards what is not written yet, and everything pushed from now on. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#discard();
    this.#abandoned.resolve();
  }

  /** Waits until no write or step is pending, even after {@link abandon}. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #enqueue(item: Piece | Step): void {
    this.#endBlock();
    this.#queue.push(item);
    this.#running ??= this.#run();
  }

  /** Adds a small piece to the block at the end of the queue. */
  #append({ bytes, records }: Piece): void {
    if (this.#blockBytes + bytes.length > BLOCK_BYTES) this.#endBlock();
    this.#block ??= new Uint8Array(BLOCK_BYTES);
    this.#block.set(bytes, this.#blockBytes);
    this.#blockBytes += bytes.length;
    this.#blockRecords += records;
  }

  #endBlock(): void {
    if (this.#block === undefined) return;
    const bytes = this.#block.subarray(0, this.#blockBytes);
    this.#queue.push({ bytes, records: this.#blockRecords });
    this.#clearBlock();
  }

  #clearBlock(): void {
    this.#block = undefined;
    this.#blockBytes = 0;
    this.#blockRecords = 0;
  }

  async #run(): Promise<void> {
    try {
      for (let item = this.#first(); item !== undefined; item = this.#first()) {
        if (typeof item !== "function") await this.#writeBatch();
        else {
          this.#queue.shift();
          await item();
        }
      }
    } catch (error) {
      const isFirst = !this.#dead;
      this.#discard();
      if (isFirst) this.#failed(error);
    } finally {
      this.#running = undefined;
    }
  }

  #first(): Piece | Step | undefined {
    if (this.#queue.length === 0) this.#endBlock();
    return this.#queue[0];
  }

  /** Writes one batch from the start of the queue. */
  async #writeBatch(): Promise<void> {
    this.#endBlock();
    const pieces: Uint8Array[] = [];
    let length = 0, records = 0;
    for (const item of this.#queue) {
      if (typeof item === "function" || length >= BATCH_BYTES) break;
      pieces.push(item.bytes);
      length += item.bytes.length;
      records += item.records;
    }
    this.#queue.splice(0, pieces.length);
    const batch = joinBytes(pieces);
    for (let at = 0; at < length && !this.#dead;) at += await this.#write(batch.subarray(at));
    if (!this.#dead) this.#remove(length, records);
  }

  #remove(bytes: number, records: number): void {
    this.#bytes -= bytes;
    this.#records -= records;
    this.backlog.remove(bytes);
  }

  #discard(): void {
    this.#closed = true;
    this.#dead = true;
    this.#queue = [];
    this.#clearBlock();
    this.#discarded += this.#records;
    this.#remove(this.#bytes, this.#records);
  }
}
