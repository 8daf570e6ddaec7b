import type { Ip } from "../address/ip.ts";

/**
 * Hash of a client's address, as 3.35 computes it: octets as signed 8-bit values,
 * `h = h * 31 + octet` modulo 2^32.
 *
 * The signedness is that of the platform 3.35 ran on and is kept, since the distribution of
 * IPv4 clients must not change; IPv6 addresses run through the same sum with 16 octets.
 *
 * @param address 4 or 16 bytes; give IPv4-mapped addresses as their 4 bytes.
 * @returns An unsigned 32 bit integer.
 */
export function hash(address: Ip): number {
  let h = 0;
  for (let i = 0; i < address.length; i++) h = (Math.imul(h, 31) + ((address[i]! << 24) >> 24)) | 0;
  return h >>> 0;
}
