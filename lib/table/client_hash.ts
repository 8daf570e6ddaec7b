import type { Ip } from "../address/ip.ts";

/**
 * Hash of a client's address, as 3.35 computes it: octets as signed 8-bit values,
 * `h = h * 31 + octet` modulo 2^32.
 *
 * The sign comes from the platform 3.35 ran on. It is kept, so that IPv4 clients stay with their
 * backends. IPv6 addresses run through the same sum with 16 octets.
 *
 * @param address 4 or 16 bytes; IPv4-mapped addresses as their 4 bytes.
 * @returns An unsigned 32-bit integer.
 */
export function clientHash(address: Ip): number {
  let h = 0;
  for (let i = 0; i < address.length; i++) h = (Math.imul(h, 31) + ((address[i]! << 24) >> 24)) | 0;
  return h >>> 0;
}
