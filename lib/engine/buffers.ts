/** First buffer of a direction: most messages fit, and idle connections stay small. */
export const SMALLEST_BYTES = 1 << 10;
/** Largest buffer of a direction. */
export const LARGEST_BYTES = 256 << 10;
/** Bytes that wait in the pool at the most. */
const POOL_BYTES = 8 << 20;

const pools = new Map<number, Uint8Array<ArrayBuffer>[]>();
let pooled = 0;

/**
 * Takes a buffer out of the pool or makes one. Its contents are arbitrary.
 *
 * @param bytes Its exact size.
 */
export function takeBuffer(bytes: number): Uint8Array<ArrayBuffer> {
  const buffer = pools.get(bytes)?.pop();
  if (buffer === undefined) return new Uint8Array(bytes);
  pooled -= bytes;
  return buffer;
}

/**
 * Gives a buffer back. Nobody may use it any more, a pending read included.
 *
 * @param buffer Dropped when the pool is full.
 */
export function giveBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  const bytes = buffer.length;
  if (pooled + bytes > POOL_BYTES) return;
  pooled += bytes;
  const pool = pools.get(bytes);
  if (pool === undefined) pools.set(bytes, [buffer]);
  else pool.push(buffer);
}
