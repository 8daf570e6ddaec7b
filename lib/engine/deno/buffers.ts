/** The buffers of relays: a pool, and a limit for all of them together. */

/** First buffer of a direction: small, because an idle connection keeps two; it grows quickly. */
export const MIN_BUFFER_BYTES = 512;
/** A direction whose buffer has grown to this size is streaming. */
export const STREAM_BYTES = 16 << 10;
/** Maximum buffer of a direction. */
export const MAX_BUFFER_BYTES = 256 << 10;
/** Maximum bytes in the pool. */
const MAX_POOL_BYTES = 8 << 20;
/**
 * Maximum bytes of all buffers above {@link STREAM_BYTES}, those for blocks of a packet dump
 * included. An idle connection keeps its buffer, because its read is pending.
 */
const MAX_LARGE_BYTES = 64 << 20;

const pools = new Map<number, Uint8Array<ArrayBuffer>[]>();
let pooled = 0, large = 0;

/** Takes a buffer of exactly this size, from the pool if possible. Its contents are arbitrary. */
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

/** Returns a buffer to the pool. No pending read or write may use it. */
export function giveBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  dropBuffer(buffer);
  const bytes = buffer.length;
  if (pooled + bytes > MAX_POOL_BYTES) return;
  pooled += bytes;
  const pool = pools.get(bytes);
  if (pool === undefined) pools.set(bytes, [buffer]);
  else pool.push(buffer);
}

/** Gives up a buffer that a pending read or write may still use. */
export function dropBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  if (buffer.length > STREAM_BYTES) large -= buffer.length;
}
