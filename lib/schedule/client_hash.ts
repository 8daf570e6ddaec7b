import type { Ip } from "../address/ip.ts";

/**
 * The hash of a client's address, as 3.35 computes it on x86, so that IPv4 clients keep their
 * backends: `h = h * 31 + octet` modulo 2^32, with octets as signed 8-bit values.
 *
 * @param address 4 or 16 bytes, IPv4-mapped addresses as IPv4.
 * @returns An unsigned 32-bit integer.
 */
export function clientHash(address: Ip): number {
  let h = 0;
  for (let i = 0; i < address.length; i++) h = (Math.imul(h, 31) + ((address[i]! << 24) >> 24)) | 0;
  return h >>> 0;
}
