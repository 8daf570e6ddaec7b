/** Read buffers of relays: a pool, and a bound on what all of them take. */

import { DUMP_BLOCK_BYTES } from "../../base/limits.ts";

/** First buffer of a direction: most messages fit, and idle connections stay small. */
export const MIN_BUFFER_BYTES = 1 << 10;
/** A direction whose reads fill a buffer of this size is streaming. */
export const STREAM_BYTES = 16 << 10;
/** Maximum buffer of a direction. */
export const MAX_BUFFER_BYTES = 256 << 10;
/** Maximum bytes in the pool. */
const MAX_POOL_BYTES = 8 << 20;
/**
 * Maximum bytes of all buffers above {@link STREAM_BYTES}. A pending read keeps its buffer while
 * the connection is silent, so this bounds what idle streams hold.
 */
const MAX_LARGE_BYTES = 64 << 20;

const pools = new Map<number, Uint8Array<ArrayBuffer>[]>();
let pooled = 0, large = 0;

/**
 * Takes the first buffer of a direction.
 *
 * @param observed Whether chunks are observed, so that a message should be one chunk.
 */
export function firstBuffer(observed: boolean): Uint8Array<ArrayBuffer> {
  return takeBuffer(minBufferBytes(observed));
}

/** Minimum buffer of a direction. */
export function minBufferBytes(observed: boolean): number {
  return observed ? DUMP_BLOCK_BYTES : MIN_BUFFER_BYTES;
}

/**
 * Takes a buffer out of the pool or makes one. Its contents are arbitrary.
 *
 * @param bytes Its exact size.
 */
export function takeBuffer(bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes > STREAM_BYTES) large += bytes;
  const buffer = pools.get(bytes)?.pop();
  if (buffer === undefined) return new Uint8Array(bytes);
  pooled -= bytes;
  return buffer;
}

/** Whether a direction may grow to a buffer of this size now. */
export function mayTake(bytes: number): boolean {
  return bytes <= STREAM_BYTES || large + bytes <= MAX_LARGE_BYTES;
}

/**
 * Returns a buffer to the pool.
 *
 * @param buffer No longer used by anything, a pending read included.
 */
export function giveBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  dropBuffer(buffer);
  const bytes = buffer.length;
  if (pooled + bytes > MAX_POOL_BYTES) return;
  pooled += bytes;
  const pool = pools.get(bytes);
  if (pool === undefined) pools.set(bytes, [buffer]);
  else pool.push(buffer);
}

/**
 * Gives up a buffer that something may still use, such as an abandoned read.
 *
 * @param buffer Not used by the relay again.
 */
export function dropBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  if (buffer.length > STREAM_BYTES) large -= buffer.length;
}
