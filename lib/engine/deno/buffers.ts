/** First buffer of a direction: most messages fit, and idle connections stay small. */
export const SMALLEST_BYTES = 1 << 10;
/** A direction whose reads fill a buffer of this size streams. */
export const STREAM_BYTES = 16 << 10;
/** Largest buffer of a direction. */
export const LARGEST_BYTES = 256 << 10;
/** Bytes that wait in the pool at the most. */
const POOL_BYTES = 8 << 20;
/**
 * Bytes of all buffers above {@link STREAM_BYTES} at the most. A pending read holds its buffer
 * for as long as the connection is silent, so what streams could grow without end otherwise.
 */
const LARGE_BYTES = 64 << 20;

const pools = new Map<number, Uint8Array<ArrayBuffer>[]>();
let pooled = 0, large = 0;

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

/** Whether a buffer of this size may be taken now; small ones always. */
export function mayTake(bytes: number): boolean {
  return bytes <= STREAM_BYTES || large + bytes <= LARGE_BYTES;
}

/**
 * Gives a buffer back. Nobody may use it any more, a pending read included.
 *
 * @param buffer Kept for the next one, unless the pool is full.
 */
export function giveBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  dropBuffer(buffer);
  const bytes = buffer.length;
  if (pooled + bytes > POOL_BYTES) return;
  pooled += bytes;
  const pool = pools.get(bytes);
  if (pool === undefined) pools.set(bytes, [buffer]);
  else pool.push(buffer);
}

/**
 * Leaves a buffer to whoever may still use it, such as a read that was given up.
 *
 * @param buffer Never used by us again.
 */
export function dropBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  if (buffer.length > STREAM_BYTES) large -= buffer.length;
}
