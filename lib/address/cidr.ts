/** Ranges of addresses in CIDR notation (RFC 4632, RFC 4291 section 2.3). Pure. */

import { UsageError } from "../base/errors.ts";
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
const DOT = 46, SLASH = 47, ZERO = 48, COLON = 58, LOWER_A = 97, LOWER_F = 102;
const ENCODER = new TextEncoder();

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
  const digits = prefix === undefined ? undefined : ENCODER.encode(prefix);
  const bits = digits === undefined ? size : prefixLength(digits, 0, digits.length, size);
  if (bits < 0) throw invalid(`bits must be 0 to ${size}`);
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

/**
 * Reads ranges from bytes as they are usually written, quickly: a file has 100,000 of them. It has
 * the range that it read last.
 *
 * It does not read IPv6 addresses that end in an IPv4 address, or whose first 64 bits are 0, because
 * they may be IPv4-mapped. {@link parseNetwork} reads all valid ranges, and explains what is wrong
 * with others.
 */
export class NetworkReader implements Network {
  network: Ip;
  bits = 0;
  readonly #bytes: Uint8Array;
  readonly #v4: Ip = new Uint8Array(4);
  readonly #v6: Ip = new Uint8Array(16);
  readonly #groups = new Uint16Array(8);
  #at = 0;
  #end = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.network = this.#v4;
  }

  /**
   * Reads a range that starts at `start` and ends before `end`.
   *
   * @returns Where the range ends; -1 if none is read.
   */
  read(start: number, end: number): number {
    [this.#at, this.#end] = [start, end];
    if (this.#address4()) this.network = this.#v4;
    else {
      this.#at = start;
      if (!this.#address6()) return -1;
      this.network = this.#v6;
    }
    this.bits = this.#prefixLength(8 * this.network.length);
    if (this.bits < 0) return -1;
    clearHostBits(this.network, this.bits);
    return this.#at;
  }

  #address4(): boolean {
    for (let part = 0; part < 4; part++) {
      if (part > 0 && this.#bytes[this.#at++] !== DOT) return false;
      const first = this.#at;
      this.#skipDigits();
      const hasLeadingZero = this.#at - first > 1 && this.#bytes[first] === ZERO;
      const value = decimal(this.#bytes, first, this.#at);
      if (value < 0 || value > 255 || hasLeadingZero) return false;
      this.#v4[part] = value;
    }
    return true;
  }

  #address6(): boolean {
    const groups = this.#groups;
    let count = 0, gap = -1;
    for (;;) {
      const byte = this.#at < this.#end ? this.#bytes[this.#at] : undefined;
      if (byte === COLON && this.#bytes[this.#at + 1] === COLON && this.#at + 1 < this.#end) {
        if (gap >= 0) return false;
        gap = count;
        this.#at += 2;
      } else if (byte === COLON && count > 0 && gap !== count) this.#at++;
      else if (count > 0 || gap >= 0) break;
      const group = this.#group();
      if (group >= 0 && count < 8) groups[count++] = group;
      else if (group < 0 && gap === count) break;
      else return false;
    }
    if (gap < 0 ? count !== 8 : count > 7) return false;
    const head = gap < 0 ? count : gap;
    for (let i = 0; i < 8; i++) {
      const group = i < head ? groups[i]! : i < head + 8 - count ? 0 : groups[i - 8 + count]!;
      [this.#v6[2 * i], this.#v6[2 * i + 1]] = [group >> 8, group];
    }
    return this.#v6.some((byte, i) => i < 8 && byte !== 0);
  }

  /** One to four hexadecimal digits; -1 if there are none. */
  #group(): number {
    const start = this.#at;
    let value = 0;
    while (this.#at < this.#end && this.#at - start < 4) {
      const byte = this.#bytes[this.#at]! | 0x20, digit = this.#bytes[this.#at]! - ZERO;
      if (digit >= 0 && digit <= 9) value = value * 16 + digit;
      else if (byte >= LOWER_A && byte <= LOWER_F) value = value * 16 + byte - LOWER_A + 10;
      else break;
      this.#at++;
    }
    return this.#at === start ? -1 : value;
  }

  #prefixLength(max: number): number {
    if (this.#at === this.#end || this.#bytes[this.#at] !== SLASH) return max;
    const first = ++this.#at;
    this.#skipDigits();
    return prefixLength(this.#bytes, first, this.#at, max);
  }

  #skipDigits(): void {
    while (this.#at < this.#end && isDigit(this.#bytes[this.#at]!)) this.#at++;
  }
}

/** The number of bits of a prefix from its digits, 0 to `max`; -1 if it is invalid. */
function prefixLength(bytes: Uint8Array, start: number, end: number, max: number): number {
  const bits = decimal(bytes, start, end);
  return bits <= max ? bits : -1;
}

/** A number of one to three decimal digits, which are all bytes of a part; -1 if it is invalid. */
function decimal(bytes: Uint8Array, start: number, end: number): number {
  if (end <= start || end - start > 3) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    if (!isDigit(bytes[i]!)) return -1;
    value = value * 10 + bytes[i]! - ZERO;
  }
  return value;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9;
}

/** The network that contains an address. */
function cleared(address: Ip, bits: number): Network {
  const network = address.slice();
  clearHostBits(network, bits);
  return { network, bits };
}

function clearHostBits(address: Ip, bits: number): void {
  for (let i = bits >> 3; i < address.length; i++) address[i]! &= maskOf(bits - 8 * i);
}

/** The mask of a byte of which `bits` count; more than 8 for all, less than 0 for none. */
function maskOf(bits: number): number {
  if (bits >= 8) return 0xff;
  return bits <= 0 ? 0 : (0xff << (8 - bits)) & 0xff;
}
