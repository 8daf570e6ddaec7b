/** Clients as numbers: what is one client, and hashes that nobody else can predict. */

import { parsePeerIp } from "../address/ip.ts";

/** A client: an IPv4 address, or the first 64 bits of an IPv6 address. */
export interface ClientKey {
  readonly family: 4 | 6;
  readonly high: number;
  readonly low: number;
}

/** @param client Text as in `Endpoint`. */
export function clientKey(client: string): ClientKey {
  const ip = parsePeerIp(client);
  if (ip === undefined) return { family: 4, high: 0, low: 0 };
  const first = ip[0]! << 24 | ip[1]! << 16 | ip[2]! << 8 | ip[3]!;
  if (ip.length === 4) return { family: 4, high: 0, low: first };
  return { family: 6, high: first, low: ip[4]! << 24 | ip[5]! << 16 | ip[6]! << 8 | ip[7]! };
}

/** A seed for {@link seededHash}, 32 random bits. */
export function newSeed(): number {
  return crypto.getRandomValues(new Int32Array(1))[0]!;
}

/**
 * 32 bits of some words, mixed with a secret, so that nobody can choose addresses with the same hash.
 * IPv4 addresses never have the same one.
 */
export function seededHash(seed: number, { family, high, low }: ClientKey, more = 0): number {
  return mixed(mixed(mixed(mixed(seed ^ more) ^ family) ^ high) ^ low);
}

/** Each bit affects all bits, and no two numbers give the same (the last step of MurmurHash3). */
function mixed(word: number): number {
  let hash = Math.imul(word ^ word >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return hash ^ hash >>> 16;
}
