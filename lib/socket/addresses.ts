/** `struct sockaddr` of ip(7) and ipv6(7). Linux, little-endian. */

import type { Ip } from "../address/ip.ts";
import { type Fixed, fixed } from "../native/memory.ts";
import { AF_INET, AF_INET6 } from "./constants.ts";

/** `sizeof(struct sockaddr_in6)`, the longest address. */
export const ADDRESS_BYTES = 28;
/** `sizeof(struct sockaddr_in)` */
const IPV4_BYTES = 16;
/** Positions in `struct sockaddr_in` and `sockaddr_in6`. */
export const PORT_AT = 2, IPV4_AT = 4, IPV6_AT = 8;

/**
 * An address as system calls take it; its first byte is the family.
 *
 * @param ip An IPv4-mapped one stays IPv6.
 */
export function socketName(ip: Ip, port: number): Fixed {
  const isIpv4 = ip.length === 4, name = fixed(isIpv4 ? IPV4_BYTES : ADDRESS_BYTES);
  const view = new DataView(name.buffer);
  view.setUint16(0, isIpv4 ? AF_INET : AF_INET6, true);
  view.setUint16(PORT_AT, port);
  name.set(ip, isIpv4 ? IPV4_AT : IPV6_AT);
  return name;
}
