/** Ranges of addresses in CIDR notation (RFC 4632, RFC 4291 section 2.3). Pure. */

import { UsageError } from "../base/errors.ts";
import { strictInteger } from "../base/integers.ts";
import { formatIp, type Ip, parseIp, parseIpv6, unmapped } from "./ip.ts";

/** A range of addresses: the first one, and how many bits of it all of them share. */
export interface Network {
  /** The other bits are 0. */
  readonly network: Ip;
  /** 0 to 32 (IPv4) or 128 (IPv6). */
  readonly bits: number;
}

/** Whether an address is in the range. Pass IPv4-mapped IPv6 addresses as IPv4. */
export type CidrRange = (address: Ip) => boolean;

/** Short and octal notations are not accepted here: `10/8` would be 0.0.0.10/8. */
const DOTTED_QUAD = /^(?:(?:0|[1-9]\d*)\.){3}(?:0|[1-9]\d*)$/;
/** Bits before the IPv4 address in an IPv4-mapped one (RFC 4291 section 2.5.5.2). */
const MAPPED_PREFIX_BITS = 96;

/**
 * Parses a range of addresses to a function; see {@link parseNetwork}.
 *
 * @throws {UsageError} If it is invalid.
 */
export function parseCidr(text: string): CidrRange {
  const { network, bits } = parseNetwork(text);
  return (address) => {
    if (address.length !== network.length) return false;
    for (let i = 0, left = bits; left > 0; i++, left -= 8) {
      if (((address[i]! ^ network[i]!) & maskOf(left)) !== 0) return false;
    }
    return true;
  };
}

/**
 * Parses a range of addresses. Bits after the prefix are ignored. A range of IPv4-mapped addresses
 * contains the IPv4 addresses (`::ffff:10.0.0.0/104` is `10.0.0.0/8`); other IPv6 ranges contain
 * none.
 *
 * @param text `ADDRESS` or `ADDRESS/BITS`, for example `10.0.0.0/8`, `2001:db8::/32`, `::1`.
 * @throws {UsageError} If it is invalid.
 */
export function parseNetwork(text: string): Network {
  const invalid = (reason: string) => new UsageError(`invalid range [${text}]: ${reason}`);
  const [host = "", prefix, more] = text.split("/");
  const isV6 = host.includes(":");
  if (more !== undefined) throw invalid("more than one slash");
  if (!isV6 && !DOTTED_QUAD.test(host)) throw invalid("want ADDRESS or ADDRESS/BITS");
  const size = isV6 ? 128 : 32;
  const bits = prefix === undefined ? size : prefixLength(prefix, size);
  if (bits === undefined) throw invalid(`bits must be 0 to ${size}`);
  const network = isV6 ? parseIpv6(host) : parseIp(host);
  if (network === undefined) throw invalid("no such address");
  const bare = isV6 ? unmapped(network) : network;
  return bare.length < network.length && bits >= MAPPED_PREFIX_BITS
    ? cleared(bare, bits - MAPPED_PREFIX_BITS)
    : cleared(network, bits);
}

/** Formats a range, for example `10.0.0.0/8` or `::1/128`. */
export function formatNetwork({ network, bits }: Network): string {
  return `${formatIp(network)}/${bits}`;
}

function prefixLength(text: string, max: number): number | undefined {
  return /^\d{1,3}$/.test(text) ? strictInteger(text, { min: 0, max }) : undefined;
}

/** The network that contains an address. */
function cleared(address: Ip, bits: number): Network {
  const network = address.map((byte, i) => byte & maskOf(bits - 8 * i));
  return { network, bits };
}

/** The mask of a byte of which `bits` count; more than 8 for all, less than 0 for none. */
function maskOf(bits: number): number {
  if (bits >= 8) return 0xff;
  return bits <= 0 ? 0 : (0xff << (8 - bits)) & 0xff;
}
