/**
 * Reads the chunks of one direction into a buffer that grows with the traffic, so that an idle
 * connection costs little: its pending read holds a buffer of `MIN_BUFFER_BYTES` only.
 *
 * A packet dump shows each chunk as a block, and a message that has arrived should be one block,
 * up to `DUMP_BLOCK_BYTES`, as in 3.35. So if a chunk fills a small buffer, {@link complete} reads
 * the rest of the block into a borrowed one.
 */

import { clearImmediate, setImmediate } from "node:timers";
import { DUMP_BLOCK_BYTES } from "../../base/limits.ts";
import {
  dropBuffer,
  giveBuffer,
  MAX_BUFFER_BYTES,
  mayTake,
  MIN_BUFFER_BYTES,
  STREAM_BYTES,
  takeBuffer,
} from "./buffers.ts";
import type { ByteConn } from "./byte_conn.ts";
import type { ReadAhead } from "./read_ahead.ts";

/** A buffer shrinks after this many consecutive reads that fill less than a quarter of it. */
const SMALL_READS = 8;

/** The reads of one direction, one at a time. Owns its buffer. */
export class ChunkReader {
  readonly #conn: ByteConn;
  #buffer: Uint8Array<ArrayBuffer>;
  /** Where the current chunk starts. */
  #start = 0;
  /** Length of the current chunk. */
  #count = 0;
  /** Bytes that were read before the relay; they are the first chunk. */
  #ahead: number;
  /** A read that was started early; it fills the buffer from where the current chunk ends. */
  #early: Promise<number | null> | undefined;
  /** Whether the buffer is for this block only. */
  #isBorrowed = false;
  /** Consecutive chunks so far that filled less than a quarter of the buffer. */
  #smallReads = 0;

  constructor(conn: ByteConn, ahead: ReadAhead | undefined) {
    this.#conn = conn;
    this.#buffer = ahead?.buffer ?? takeBuffer(MIN_BUFFER_BYTES);
    this.#ahead = ahead?.arrived ?? 0;
    this.#early = ahead?.pending;
  }

  /** Whether the direction has so much traffic that streams are worth their memory. */
  get isStreaming(): boolean {
    return this.#buffer.length >= STREAM_BYTES && this.#early === undefined && this.#ahead === 0;
  }

  /** The current chunk: valid from {@link received} to {@link delivered}. */
  get chunk(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(this.#start, this.#start + this.#count);
  }

  /** Its length. */
  get length(): number {
    return this.#count;
  }

  /** Reads the next chunk; returns its length, `null` at the end of input. */
  read(): Promise<number | null> {
    const ahead = this.#ahead, early = this.#early;
    if (ahead > 0) {
      this.#ahead = 0;
      return Promise.resolve(ahead);
    }
    if (early === undefined) return this.#conn.read(this.#buffer);
    this.#early = undefined;
    return early;
  }

  /** A chunk of this length, the result of {@link read}, is now the current one. */
  received(count: number): void {
    this.#count = count;
  }

  /**
   * Whether the current chunk has filled the buffer but no block, so that it may have been cut.
   * Also `false` if all buffers together are so large that there is none for a block.
   */
  get isCut(): boolean {
    return this.#start + this.#count === this.#buffer.length && this.#count < DUMP_BLOCK_BYTES &&
      (this.#isBorrowed || mayTake(DUMP_BLOCK_BYTES));
  }

  /**
   * Adds to the current chunk what else has arrived, up to a whole block; only if {@link isCut}. If
   * that is nothing, the read stays pending, and {@link read} returns it next. Never rejects.
   */
  async complete(): Promise<void> {
    const { chunk } = this;
    if (this.#isBorrowed) this.#buffer.copyWithin(0, this.#start, this.#start + this.#count);
    else {
      const block = takeBuffer(DUMP_BLOCK_BYTES);
      block.set(chunk);
      giveBuffer(this.#buffer);
      this.#buffer = block;
      this.#isBorrowed = true;
    }
    this.#start = 0;
    const more = this.#conn.read(this.#buffer.subarray(this.#count));
    const count = await arrived(more);
    if (count === undefined) this.#early = more;
    else this.#count += count;
  }

  /** The current chunk is no longer needed: adapts the buffer to the traffic. */
  delivered(): void {
    if (this.#early === undefined) this.#fit();
    else this.#start += this.#count;
  }

  /** Gives the buffer back. No read or write is pending. */
  end(): void {
    giveBuffer(this.#buffer);
  }

  /** Gives the buffer up, because a pending read or write may still use it. */
  abandon(): void {
    dropBuffer(this.#buffer);
  }

  /**
   * Enlarges the buffer if a chunk filled it, and shrinks it after many small ones. A borrowed
   * buffer is given back, unless the chunk filled it.
   */
  #fit(): void {
    const { length } = this.#buffer;
    const isFull = this.#count === length, larger = Math.min(length * 4, MAX_BUFFER_BYTES);
    const isSmall = length > MIN_BUFFER_BYTES && this.#count < length / 4;
    this.#start = 0;
    this.#smallReads = isSmall ? this.#smallReads + 1 : 0;
    if (this.#isBorrowed && !isFull) this.#resize(MIN_BUFFER_BYTES);
    else if (this.#smallReads >= SMALL_READS) this.#resize(Math.max(MIN_BUFFER_BYTES, length / 4));
    else if (isFull && length < larger && mayTake(larger)) this.#resize(larger);
    this.#isBorrowed = false;
  }

  #resize(bytes: number): void {
    this.#smallReads = 0;
    giveBuffer(this.#buffer);
    this.#buffer = takeBuffer(bytes);
  }
}

/**
 * The result of a read whose bytes have arrived already, which is known in the next turn of the
 * event loop; `undefined` if it is still pending, or if the input has ended or failed.
 */
function arrived(read: Promise<number | null>): Promise<number | undefined> {
  return new Promise((resolve) => {
    const nextTurn = setImmediate(resolve, undefined);
    const settle = (count?: number | null) => {
      clearImmediate(nextTurn);
      resolve(count ?? undefined);
    };
    read.then(settle, () => settle());
  });
}
