/**
 * The text format: the packet dump of 3.35 and, unless asked for, nothing else, so that programs
 * that read it find nothing new. A block is a line with direction and length, the printable bytes,
 * and a newline.
 */

import { NO_BYTES } from "../../base/bytes.ts";
import { DUMP_BLOCK_BYTES } from "../../base/limits.ts";
import type { Side } from "../../base/side.ts";
import type { DumpFormat } from "./format.ts";
import { type LineStyle, styleLines } from "./text_lines.ts";

const ARROW = { client: "->", backend: "-<" } as const;
/** Arrow, blank, digits of any length, newline; and the newline after the bytes. */
const MAX_EXTRA_BYTES = 20 + 1;
/** An escape takes three bytes, and no byte causes more than one line break. */
const MAX_BYTES_PER_BYTE = 4;
const NEWLINE = 10, BACKSLASH = 92;
/** A line is broken as soon as it has more columns than this. */
const COLUMNS = 80;

const encoder = new TextEncoder();

/** How each byte value prints: itself, a doubled backslash, or a backslash and two digits. */
const PRINTED: readonly Uint8Array[] = Array.from({ length: 256 }, (_, value) => {
  if (value === BACKSLASH) return encoder.encode("\\\\");
  if (value >= 0x20 && value <= 0x7e) return Uint8Array.of(value);
  return encoder.encode(`\\${value.toString(16).toUpperCase().padStart(2, "0")}`);
});

const nothing = () => NO_BYTES;

/**
 * Creates the encoder for one file or stream.
 *
 * @param style What is put around each line; nothing by default, as in 3.35.
 */
export function createText(style: LineStyle = {}): DumpFormat {
  /** Connections whose end was written, with no data after it. */
  const ended = new Set<number>();
  return {
    start: nothing,
    open: nothing,
    connected: nothing,
    data({ id }, { direction, bytes, time }) {
      ended.delete(id);
      if (bytes.length === 0) return NO_BYTES;
      return styleLines(textBlocks(direction, bytes), { id, direction, time }, style);
    },
    skip() {},
    event: nothing,
    // In 3.35 the first end ends the session, with one record of length 0 or, after a read error,
    // -1. Here the other direction may continue; if it does, its end is recorded, too.
    end({ id }, { direction, how, time }) {
      if (ended.has(id)) return NO_BYTES;
      ended.add(id);
      const lines = encoder.encode(`${ARROW[direction]} ${how === "end" ? 0 : -1}\n\n`);
      return styleLines(lines, { id, direction, time }, style);
    },
    close({ id }) {
      ended.delete(id);
      return NO_BYTES;
    },
    lost: nothing,
  };
}

/**
 * The blocks of one read, of at most {@link DUMP_BLOCK_BYTES} each, as 3.35 reads at most that much
 * at once.
 *
 * @param side The side that sent the bytes.
 */
export function textBlocks(side: Side, bytes: Uint8Array): Uint8Array {
  const count = Math.ceil(bytes.length / DUMP_BLOCK_BYTES);
  const out = new Uint8Array(count * MAX_EXTRA_BYTES + bytes.length * MAX_BYTES_PER_BYTE);
  let at = 0;
  for (let start = 0; start < bytes.length; start += DUMP_BLOCK_BYTES) {
    const end = Math.min(start + DUMP_BLOCK_BYTES, bytes.length);
    const header = encoder.encode(`${ARROW[side]} ${end - start}\n`);
    out.set(header, at);
    at += header.length;
    let column = 0;
    for (let i = start; i < end; i++) {
      const value = bytes[i]!;
      if (value >= 0x20 && value <= 0x7e && value !== BACKSLASH) {
        out[at++] = value;
        column++;
      } else {
        const printed = PRINTED[value]!;
        for (let j = 0; j < printed.length; j++) out[at++] = printed[j]!;
        column = value === NEWLINE ? COLUMNS + 1 : column + printed.length;
      }
      if (column > COLUMNS) {
        out[at++] = NEWLINE;
        column = 0;
      }
    }
    out[at++] = NEWLINE;
  }
  return out.subarray(0, at);
}
