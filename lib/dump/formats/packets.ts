/**
 * IP packets as they could have been on the wire: IPv4 (RFC 791) or IPv6 (RFC 8200) and TCP
 * (RFC 9293) headers around the bytes that balance relayed. Pure.
 */

import { parsePeerIp } from "../../address/ip.ts";
import type { Endpoint } from "../../base/endpoint.ts";

/** TCP flags. */
export const FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16;

/** Which end of a flow sends: 0 is the one that opened the connection. */
export type Sender = 0 | 1;

/** Memory that packets are written to, in three views. Initially zero. */
export interface PacketBuffer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  /** In the byte order of the machine, which does not matter for a checksum (RFC 1071). */
  readonly words: Int32Array;
}

/** Creates memory for packets. The length in bytes is a multiple of 4. */
export function packetBuffer(length: number): PacketBuffer {
  const buffer = new ArrayBuffer(length);
  return {
    bytes: new Uint8Array(buffer),
    view: new DataView(buffer),
    words: new Int32Array(buffer),
  };
}

/** One segment to write. */
interface Segment {
  readonly from: Sender;
  /** {@link FIN} and so on, ORed. */
  readonly flags: number;
  /** The bytes to write: all of the payload, or its first bytes. @default none */
  readonly payload?: Uint8Array;
  /** Bytes of the whole payload. @default {payload.length} */
  readonly length?: number;
}

/** Bytes of a TCP header, and of one with the options of a SYN. */
const TCP_HEADER = 20, SYN_HEADER = 28;
const MAX_UINT16 = 0xffff;
/** Shift of the window (RFC 7323): 65535 * 128 bytes, so that it never looks full. */
const WINDOW_SHIFT = 7;
const TTL = 64, PROTOCOL_TCP = 6, DONT_FRAGMENT = 0x4000;

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** One TCP connection: its headers and sequence numbers. */
export class TcpFlow {
  /** Bytes of the IP header: 20 or 40. */
  readonly ipHeader: 20 | 40;
  /** Maximum payload of one packet: the IP length must fit in 16 bits. */
  readonly maxPayload: number;
  /** The IP header and ports of each sender. */
  readonly #heads: readonly [Uint8Array, Uint8Array];
  /** Sums for checksums: addresses, protocol and ports; the IPv4 header without its length. */
  readonly #pseudoSum: number;
  readonly #ipSum: number;
  readonly #next: [number, number];
  readonly #windows: [number, number] = [MAX_UINT16, MAX_UINT16];

  /**
   * @param ends Who opened the connection, who accepted it. Of an IPv4 and an IPv6 address, the
   *     former is mapped to IPv6.
   * @param initial The first sequence number of each.
   */
  constructor(ends: readonly [Endpoint, Endpoint], initial: readonly [number, number]) {
    const addresses = sameFamily(ends[0].address, ends[1].address);
    const ports = [ends[0].port, ends[1].port] as const;
    this.#heads = [
      headOf(addresses, ports),
      headOf([addresses[1], addresses[0]], [ports[1], ports[0]]),
    ];
    const isV4 = addresses[0].length === 4;
    this.ipHeader = isV4 ? 20 : 40;
    this.maxPayload = MAX_UINT16 - TCP_HEADER - (isV4 ? 20 : 0);
    this.#pseudoSum = PROTOCOL_TCP + sumBytes(addresses[0]) + sumBytes(addresses[1]) +
      sumBytes(this.#heads[0].subarray(this.ipHeader));
    this.#ipSum = isV4 ? sumBytes(this.#heads[0].subarray(0, 20)) : 0;
    this.#next = [initial[0], initial[1]];
  }

  /** Bytes of the headers of a segment with these flags. */
  headerLength(flags: number): number {
    return this.ipHeader + (flags & SYN ? SYN_HEADER : TCP_HEADER);
  }

  /** Moves a sender's sequence number forward or back, for bytes that are not in the dump. */
  advance(from: Sender, count: number): void {
    this.#next[from] = (this.#next[from] + count) >>> 0;
  }

  /**
   * Changes a sender's window by one, so that its next packet without bytes is a window update
   * and not a duplicate acknowledgement.
   */
  changeWindow(from: Sender): void {
    this.#windows[from] ^= 1;
  }

  /**
   * Writes a packet and advances the sequence number. It acknowledges everything that the other
   * end has sent. The TCP checksum of a truncated packet is 0.
   *
   * @param into Memory that is still zero there.
   * @param at Where to start, a multiple of 4.
   * @param segment `length` at most {@link maxPayload}.
   * @returns Bytes written.
   */
  write(into: PacketBuffer, at: number, segment: Segment): number {
    const { from, flags, payload } = segment;
    const { bytes, view } = into;
    const { ipHeader } = this;
    const held = payload?.length ?? 0;
    const length = segment.length ?? held;
    const tcp = at + ipHeader;
    const start = at + this.headerLength(flags);
    const tcpLength = start - tcp + length;
    const sequence = this.#next[from];
    const acknowledged = flags & ACK ? this.#next[1 - from as Sender] : 0;
    const window = this.#windows[from];
    const offsetAndFlags = (start - tcp) << 10 | flags;

    bytes.set(this.#heads[from], at);
    if (ipHeader === 20) {
      view.setUint16(at + 2, ipHeader + tcpLength);
      view.setUint16(at + 10, complement(this.#ipSum + ipHeader + tcpLength));
    } else view.setUint16(at + 4, tcpLength);
    view.setUint32(tcp + 4, sequence);
    view.setUint32(tcp + 8, acknowledged);
    view.setUint16(tcp + 12, offsetAndFlags);
    view.setUint16(tcp + 14, window);
    if (flags & SYN) {
      // Options: maximum segment size, no-operation, window scale.
      view.setUint32(tcp + 20, 0x02040000 | this.maxPayload);
      view.setUint32(tcp + 24, 0x01030300 | WINDOW_SHIFT);
    }
    if (payload !== undefined) bytes.set(payload, start);
    if (held === length) {
      let sum = this.#pseudoSum + tcpLength + offsetAndFlags + window +
        (sequence >>> 16) + (sequence & MAX_UINT16) +
        (acknowledged >>> 16) + (acknowledged & MAX_UINT16);
      if (flags & SYN) sum += 0x0204 + this.maxPayload + 0x0103 + (0x0300 | WINDOW_SHIFT);
      if (held > 0) sum += sumWords(into.words, start, held);
      view.setUint16(tcp + 16, complement(sum));
    }
    this.advance(from, length + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0));
    return start - at + held;
  }
}

/** Two addresses of one family. An address that cannot be parsed becomes the unspecified one. */
function sameFamily(first: string, second: string): [Uint8Array, Uint8Array] {
  const read = (text: string, other: string) =>
    parsePeerIp(text) ?? new Uint8Array(other.includes(":") ? 16 : 4);
  const [a, b] = [read(first, second), read(second, first)];
  return a.length === b.length ? [a, b] : [mapped(a), mapped(b)];
}

/** An IPv4 address as an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2). */
function mapped(address: Uint8Array): Uint8Array {
  if (address.length === 16) return address;
  const bytes = new Uint8Array(16);
  bytes[10] = bytes[11] = 0xff;
  bytes.set(address, 12);
  return bytes;
}

/** IP header and ports of one sender; length and checksum are still 0. */
function headOf(
  addresses: readonly [Uint8Array, Uint8Array],
  ports: readonly [number, number],
): Uint8Array {
  const size = addresses[0].length;
  const ipHeader = size === 4 ? 20 : 40;
  const head = new Uint8Array(ipHeader + 4);
  const view = new DataView(head.buffer);
  if (size === 4) {
    head[0] = 0x45;
    view.setUint16(6, DONT_FRAGMENT);
    head[8] = TTL;
    head[9] = PROTOCOL_TCP;
  } else {
    head[0] = 0x60;
    head[6] = PROTOCOL_TCP;
    head[7] = TTL;
  }
  head.set(addresses[0], ipHeader - 2 * size);
  head.set(addresses[1], ipHeader - size);
  view.setUint16(ipHeader, ports[0]);
  view.setUint16(ipHeader + 2, ports[1]);
  return head;
}

/** Sum of an even number of bytes as 16-bit words in network order. */
function sumBytes(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes[i]! << 8 | bytes[i + 1]!;
  return sum;
}

/**
 * Sum of bytes as 16-bit words in network order, folded to 16 bits; a zero follows an odd byte.
 * Adds four bytes at a time: both halves stay below 2^31 for 65535 bytes.
 *
 * @param start A multiple of 4; the bytes up to the next multiple after the end are zero.
 */
function sumWords(words: Int32Array, start: number, length: number): number {
  let low = 0, high = 0;
  const end = (start + length + 3) >> 2;
  for (let i = start >> 2; i < end; i++) {
    const word = words[i]!;
    low += word & MAX_UINT16;
    high += word >>> 16;
  }
  const sum = fold(low + high);
  return LITTLE_ENDIAN ? (sum & 0xff) << 8 | sum >> 8 : sum;
}

/** Adds the carries until 16 bits are left. */
function fold(sum: number): number {
  while (sum > MAX_UINT16) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return sum;
}

/** The Internet checksum (RFC 1071) of a sum of 16-bit words. */
function complement(sum: number): number {
  return fold(sum) ^ MAX_UINT16;
}
