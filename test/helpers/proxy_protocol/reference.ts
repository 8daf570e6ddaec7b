/**
 * PROXY protocol, versions 1 and 2, written from the text of the specification alone (haproxy.org,
 * proxy-protocol.txt, sections 2.1 and 2.2). It shares no code with balance, so that a
 * misunderstanding of one is found by the other; tests with HAProxy and nginx prove both.
 *
 * @module
 */
import { joinBytes } from "../../../lib/base/bytes.ts";

/** An address, e.g. `127.0.0.1` or `::1`, and a port. */
export interface Address {
  readonly address: string;
  readonly port: number;
}

/** A type-length-value record of version 2. */
export interface Tlv {
  readonly type: number;
  readonly value: Uint8Array;
}

/** PP2_TYPE_CRC32C, PP2_TYPE_NOOP and PP2_TYPE_UNIQUE_ID. */
export const CRC32C = 0x03, NOOP = 0x04, UNIQUE_ID = 0x05;

/** The twelve bytes that version 2 starts with. */
export const SIGNATURE: Uint8Array = Uint8Array.fromHex("0d0a0d0a000d0a515549540a");

/** A header as it was read. */
export interface Header {
  readonly version: 1 | 2;
  /** `PROXY UNKNOWN` of version 1 counts as LOCAL. */
  readonly command: "LOCAL" | "PROXY";
  /** Absent if the header names no addresses. */
  readonly source?: Address;
  readonly destination?: Address;
  readonly tlvs: readonly Tlv[];
  /** Length of the header; what follows is payload. */
  readonly length: number;
}

/** `PROXY TCP4 ...` or `PROXY TCP6 ...` of version 1. */
export function v1(source: Address, destination: Address): Uint8Array<ArrayBuffer> {
  const family = source.address.includes(":") ? "TCP6" : "TCP4";
  const words = ["PROXY", family, source.address, destination.address];
  return ascii(`${words.join(" ")} ${source.port} ${destination.port}\r\n`);
}

/** A header of version 2 with the addresses of a TCP connection. */
export function v2(
  source: Address,
  destination: Address,
  options: { tlvs?: readonly Tlv[]; crc?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const isV6 = source.address.includes(":");
  const body = joinBytes([
    addressBytes(source.address),
    addressBytes(destination.address),
    uint16(source.port),
    uint16(destination.port),
  ]);
  return v2Raw({ ...options, byte13: 0x21, byte14: isV6 ? 0x21 : 0x11, body });
}

/** `LOCAL` of version 2: the connection of the proxy itself, without addresses. */
export function v2Local(tlvs: readonly Tlv[] = []): Uint8Array<ArrayBuffer> {
  return v2Raw({ byte13: 0x20, byte14: 0x00, body: new Uint8Array(), tlvs });
}

/** A header, and what follows it. */
export function withPayload(
  header: Uint8Array,
  payload: Uint8Array | string,
): Uint8Array<ArrayBuffer> {
  const bytes = typeof payload === "string" ? ascii(payload) : payload;
  return joinBytes([header, bytes]) as Uint8Array<ArrayBuffer>;
}

/** A header of version 2 of any bytes, to make invalid ones. @param parts `length`: announced. */
export function v2Raw(parts: {
  byte13: number;
  byte14: number;
  body: Uint8Array;
  tlvs?: readonly Tlv[];
  crc?: boolean;
  length?: number;
}): Uint8Array<ArrayBuffer> {
  const { byte13, byte14, body, tlvs = [], crc = false } = parts;
  const records = crc ? [...tlvs, { type: CRC32C, value: new Uint8Array(4) }] : tlvs;
  const encoded = joinBytes(
    records.flatMap(({ type, value }) => [Uint8Array.of(type), uint16(value.length), value]),
  );
  const length = uint16(parts.length ?? body.length + encoded.length);
  const header = joinBytes([SIGNATURE, Uint8Array.of(byte13, byte14), length, body, encoded]);
  if (crc) new DataView(header.buffer).setUint32(header.length - 4, crc32c(header));
  return header as Uint8Array<ArrayBuffer>;
}

/**
 * Reads the header at the start of some bytes.
 *
 * @returns `undefined` if it is not complete yet.
 * @throws {Error} If it violates the specification.
 */
export function decode(bytes: Uint8Array): Header | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes[0] === 0x50) return decodeV1(bytes);
  for (let i = 0; i < Math.min(bytes.length, SIGNATURE.length); i++) {
    if (bytes[i] !== SIGNATURE[i]) throw new Error(`no PROXY header: byte ${i} differs`);
  }
  return bytes.length < 16 ? undefined : decodeV2(bytes);
}

function decodeV1(bytes: Uint8Array): Header | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, 107));
  const end = text.indexOf("\r\n");
  if (end < 0) {
    if (bytes.length >= 107) throw new Error("no end of line in 107 bytes");
    return undefined;
  }
  const line = text.slice(0, end), length = end + 2;
  const local: Header = { version: 1, command: "LOCAL", tlvs: [], length };
  if (/^PROXY UNKNOWN( .*)?$/.test(line)) return local;
  const match = /^PROXY TCP([46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/.exec(line);
  if (match === null) throw new Error(`invalid line [${line}]`);
  const [, family, from = "", to = "", fromPort, toPort] = match;
  for (const address of [from, to]) {
    if ((family === "6") !== address.includes(":")) throw new Error(`wrong family in [${line}]`);
    addressBytes(address);
  }
  const [source, destination] = [
    { address: from, port: Number(fromPort) },
    { address: to, port: Number(toPort) },
  ];
  if (source.port > 65535 || destination.port > 65535) throw new Error(`no port in [${line}]`);
  return { ...local, command: "PROXY", source, destination };
}

function decodeV2(bytes: Uint8Array): Header | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [byte13, byte14, rest] = [view.getUint8(12), view.getUint8(13), view.getUint16(14)];
  const length = 16 + rest;
  if (byte13 >> 4 !== 2) throw new Error(`version ${byte13 >> 4}`);
  const command = byte13 & 15;
  if (command > 1) throw new Error(`command ${command}`);
  if (bytes.length < length) return undefined;
  const family = byte14 >> 4, transport = byte14 & 15;
  if (family > 3 || transport > 2) throw new Error(`family and transport ${byte14}`);
  const size = [0, 12, 36, 216][family]!;
  // A receiver of LOCAL must discard the address block, whatever its family.
  const isUsed = command === 1 && transport === 1 && (family === 1 || family === 2);
  if (rest < size) throw new Error(`${rest} bytes are too few for the addresses`);
  const tlvs = readTlvs(bytes.subarray(0, length), 16 + size);
  if (!isUsed) return { version: 2, command: "LOCAL", tlvs, length };
  const width = family === 1 ? 4 : 16;
  const address = (at: number) => addressText(bytes.subarray(at, at + width));
  return {
    version: 2,
    command: "PROXY",
    source: { address: address(16), port: view.getUint16(16 + 2 * width) },
    destination: { address: address(16 + width), port: view.getUint16(18 + 2 * width) },
    tlvs,
    length,
  };
}

function readTlvs(header: Uint8Array, start: number): Tlv[] {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const tlvs: Tlv[] = [];
  for (let at = start; at < header.length;) {
    if (at + 3 > header.length) throw new Error("a TLV is cut off");
    const [type, length] = [view.getUint8(at), view.getUint16(at + 1)];
    if (at + 3 + length > header.length) throw new Error("a TLV is longer than the header");
    const value = header.slice(at + 3, at + 3 + length);
    if (type === CRC32C) checkSum(header, at + 3, value);
    tlvs.push({ type, value });
    at += 3 + length;
  }
  return tlvs;
}

/** Section 2.2.3: the checksum is that of the whole header with zeros in place of it. */
function checkSum(header: Uint8Array, at: number, value: Uint8Array): void {
  if (value.length !== 4) throw new Error("a checksum that has not 4 bytes");
  const zeroed = header.slice();
  zeroed.fill(0, at, at + 4);
  const found = new DataView(value.buffer).getUint32(0);
  if (found !== crc32c(zeroed)) throw new Error("wrong checksum");
}

/** CRC-32C (RFC 4960, appendix B), bit by bit: slow and plain. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function addressBytes(text: string): Uint8Array {
  if (!text.includes(":")) {
    if (!/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text)) {
      throw new Error(`no address [${text}]`);
    }
    const bytes = text.split(".").map(Number);
    if (bytes.some((byte) => byte > 255)) throw new Error(`no address [${text}]`);
    return Uint8Array.from(bytes);
  }
  // The URL parser writes out IPv4 tails and rejects what is no address.
  const plain = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [head = "", tail] = plain.split("::");
  const groups = (part: string) => part === "" ? [] : part.split(":");
  const [before, after] = [groups(head), groups(tail ?? "")];
  const zeros = Array(8 - before.length - after.length).fill("0");
  return joinBytes([...before, ...zeros, ...after].map((group) => uint16(parseInt(group, 16))));
}

/** An IPv4 address, or an IPv6 address in its shortest form (RFC 5952). */
function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i).toString(16));
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 255);
}

function ascii(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
