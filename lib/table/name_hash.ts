/** A hash of 64 bits as two 32-bit integers, which are faster than a `BigInt`. */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

const encoder = new TextEncoder();
const MAX_COPY = String(Number.MAX_SAFE_INTEGER);

/**
 * Hashes bytes. The result is the same on every machine and in every release: it decides which
 * backend a client gets (schedule `consistent`).
 */
export function hash64(bytes: Uint8Array): Hash64 {
  let high = 0x9e3779b9 ^ bytes.length, low = 0x85ebca6b ^ bytes.length;
  for (const byte of bytes) {
    high = Math.imul(high ^ byte, 0x9e3779b1);
    low = Math.imul(low ^ byte, 0x5f356495);
    high ^= low >>> 15;
    low ^= high >>> 13;
  }
  return mixed(high, low);
}

/** Combines two hashes. */
export function joinHashes(a: Hash64, b: Hash64): Hash64 {
  return mixed(
    Math.imul(a.high, 0x9e3779b1) ^ rotated(b.high, 13) ^ b.low,
    Math.imul(a.low, 0x5f356495) ^ rotated(b.low, 17) ^ b.high,
  );
}

/**
 * The hashes of a channel's name, of which the channel gets the first one that is free.
 *
 * @param name Host as written and port, for example `web1:80`.
 * @returns The hash of a copy: 0 for the first channel of this name in its group, 1 for the second, ...
 */
export function nameHashes(name: string): (copy: number) => Hash64 {
  // Encoded once: equal channels make many copies.
  const bytes = encoder.encode(`${name}#${MAX_COPY}`);
  const end = bytes.length - MAX_COPY.length;
  return (copy) => {
    if (copy === 0) return hash64(bytes.subarray(0, end - 1));
    const digits = String(copy);
    for (let i = 0; i < digits.length; i++) bytes[end + i] = digits.charCodeAt(i);
    return hash64(bytes.subarray(0, end + digits.length));
  };
}

/** A number from 0 to 1, both excluded, made of 53 bits of a hash. */
export function unitOf({ high, low }: Hash64): number {
  return ((high >>> 5) * 2 ** 26 + (low >>> 6) + 0.5) / 2 ** 53;
}

function mixed(high: number, low: number): Hash64 {
  let h = high, l = low;
  for (let round = 0; round < 2; round++) {
    h = finished(h + Math.imul(l, 0x27d4eb2f));
    l = finished(l + Math.imul(h, 0x165667b1));
  }
  return { high: h, low: l };
}

/** The last step of MurmurHash3: every bit of the input affects every bit of the result. */
function finished(value: number): number {
  let v = value | 0;
  v = Math.imul(v ^ (v >>> 16), 0x85ebca6b);
  v = Math.imul(v ^ (v >>> 13), 0xc2b2ae35);
  return v ^ (v >>> 16);
}

function rotated(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
