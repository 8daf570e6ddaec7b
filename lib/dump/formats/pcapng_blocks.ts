/**
 * The blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian, with one interface: its
 * number 0 is not written, since memory is zero.
 */

import { joinBytes, NO_BYTES } from "../../base/bytes.ts";
import type { PacketBuffer } from "./packets.ts";

const SECTION_HEADER = 0x0a0d0d0a, INTERFACE = 1, INTERFACE_STATISTICS = 5, ENHANCED_PACKET = 6;
const KNOWN_BLOCKS = [SECTION_HEADER, INTERFACE, INTERFACE_STATISTICS, ENHANCED_PACKET];
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** Packets start with an IPv4 or IPv6 header. */
const LINKTYPE_RAW = 101;
/** Maximum size of a packet: the default of Wireshark and the limit of libpcap. */
const SNAP_LENGTH = 262144;
const OPTION_END = 0, OPTION_COMMENT = 1, SHB_HARDWARE = 2, SHB_OS = 3, SHB_APPLICATION = 4;
const IF_NAME = 2, IF_DESCRIPTION = 3, IF_TSRESOL = 9, ISB_IFDROP = 5;
/** Bytes of the shortest block: type, length, length again. */
export const MIN_BLOCK_BYTES = 12;
/** Bytes of an enhanced packet block before and after its packet and options. */
export const EPB_HEAD = 28, EPB_TAIL = 4;
const TWO_32 = 2 ** 32;
/** Maximum bytes of a text in an option. */
const MAX_TEXT = 4096;

const encoder = new TextEncoder();

/** What an enhanced packet block contains about its packet. */
interface Frame {
  /** Microseconds since 1970. */
  readonly time: number;
  /** Captured and original length of the packet in bytes. */
  readonly held: number;
  readonly length: number;
  readonly blockLength: number;
}

/**
 * Writes the enhanced packet block around a packet.
 *
 * @param into Memory with the packet at `at` + {@link EPB_HEAD}, followed by its options.
 * @returns The length of the block.
 */
export function writeFrame(into: PacketBuffer, at: number, packet: Frame): number {
  const { view } = into;
  const { time, blockLength } = packet;
  view.setUint32(at, ENHANCED_PACKET, true);
  view.setUint32(at + 4, blockLength, true);
  view.setUint32(at + 12, Math.floor(time / TWO_32), true);
  view.setUint32(at + 16, time % TWO_32, true);
  view.setUint32(at + 20, packet.held, true);
  view.setUint32(at + 24, packet.length, true);
  view.setUint32(at + blockLength - 4, blockLength, true);
  return blockLength;
}

/** The start of a file: who wrote it. It has no section length, since it may be a stream. */
export function sectionHeader(
  texts: { hardware: string; os: string; application: string },
): Uint8Array {
  const fixed = new Uint8Array(16);
  const view = new DataView(fixed.buffer);
  view.setUint32(0, BYTE_ORDER_MAGIC, true);
  view.setUint16(4, 1, true); // version 1.0
  view.setBigInt64(8, -1n, true);
  return block(SECTION_HEADER, fixed, [
    option(SHB_HARDWARE, texts.hardware),
    option(SHB_OS, texts.os),
    option(SHB_APPLICATION, texts.application),
  ]);
}

/** An interface with raw IP packets and times in microseconds. */
export function interfaceDescription(name: string, description: string): Uint8Array {
  const fixed = new Uint8Array(8);
  const view = new DataView(fixed.buffer);
  view.setUint16(0, LINKTYPE_RAW, true);
  view.setUint32(4, SNAP_LENGTH, true);
  return block(INTERFACE, fixed, [
    option(IF_NAME, name),
    option(IF_DESCRIPTION, description),
    option(IF_TSRESOL, Uint8Array.of(6)),
  ]);
}

/** Whether a file that starts with these bytes, at least 12, is pcapng in this byte order. */
export function isPcapngStart(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return view.getUint32(0, true) === SECTION_HEADER && view.getUint32(8, true) === BYTE_ORDER_MAGIC;
}

/**
 * Whether a file ends with a complete block.
 *
 * @param head The first 8 bytes of that block, if the length at the end of the file is right.
 * @param length That length.
 */
export function isBlockHead(head: Uint8Array, length: number): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  return KNOWN_BLOCKS.includes(view.getUint32(0, true)) && view.getUint32(4, true) === length;
}

/** How many chunks were dropped; `capinfos` shows it. */
export function interfaceStatistics(dropped: number, time: number): Uint8Array {
  const fixed = new Uint8Array(12);
  const view = new DataView(fixed.buffer);
  view.setUint32(4, Math.floor(time / TWO_32), true);
  view.setUint32(8, time % TWO_32, true);
  const count = new Uint8Array(8);
  new DataView(count.buffer).setBigUint64(0, BigInt(dropped), true);
  return block(INTERFACE_STATISTICS, fixed, [
    option(OPTION_COMMENT, `${dropped} chunks dropped so far: the reader is too slow`),
    option(ISB_IFDROP, count),
  ]);
}

/** The options of a packet with comments; empty without comments. */
export function commentOptions(comments: readonly string[]): Uint8Array {
  return optionList(comments.map((text) => option(OPTION_COMMENT, text)));
}

/** A block: type, length, fixed part, options, length again. */
function block(type: number, fixed: Uint8Array, options: readonly Uint8Array[]): Uint8Array {
  const list = optionList(options);
  const length = 12 + fixed.length + list.length;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  bytes.set(fixed, 8);
  bytes.set(list, 8 + fixed.length);
  view.setUint32(length - 4, length, true);
  return bytes;
}

/** Options and their end mark; empty without options. */
function optionList(options: readonly Uint8Array[]): Uint8Array {
  return options.length === 0 ? NO_BYTES : joinBytes([...options, option(OPTION_END, NO_BYTES)]);
}

/** An option: code, length, value, padding. A long text is cut between two characters. */
function option(code: number, value: string | Uint8Array): Uint8Array {
  const bytes = typeof value === "string" ? encodeAtMost(value, MAX_TEXT) : value;
  const out = new Uint8Array(4 + padded(bytes.length));
  const view = new DataView(out.buffer);
  view.setUint16(0, code, true);
  view.setUint16(2, bytes.length, true);
  out.set(bytes, 4);
  return out;
}

/** The first bytes of a text in UTF-8. */
function encodeAtMost(text: string, length: number): Uint8Array {
  const into = new Uint8Array(length);
  return into.subarray(0, encoder.encodeInto(text, into).written);
}

/** The next multiple of 4, to which everything in a block is padded. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}
