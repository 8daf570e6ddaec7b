/**
 * The packet dump of 3.35: a header line with direction and length, the bytes made printable, one
 * newline. Pure.
 */

import type { Ending, Side } from "../../base/side.ts";

const ARROW = { client: "->", backend: "-<" } as const;
/** Arrow, blank, digits of any length, newline. */
const MAX_HEADER_BYTES = 20;
/** An escape takes three bytes, and no byte causes more than one line break. */
const MAX_BYTES_PER_BYTE = 4;
const NEWLINE = 10;
const BACKSLASH = 92;
/** A line is broken as soon as it has more columns than this. */
const COLUMNS = 80;

const encoder = new TextEncoder();

/** How each byte value prints: itself, a doubled backslash, or a backslash and two digits. */
const PRINTED: readonly Uint8Array[] = Array.from({ length: 256 }, (_, value) => {
  if (value === BACKSLASH) return encoder.encode("\\\\");
  if (value >= 0x20 && value <= 0x7e) return Uint8Array.of(value);
  return encoder.encode(`\\${value.toString(16).toUpperCase().padStart(2, "0")}`);
});

/**
 * One block of the packet dump.
 *
 * @param side The side that sent the bytes.
 * @param bytes The bytes of one read.
 * @returns The printable block, header line included.
 */
export function textBlock(side: Side, bytes: Uint8Array): Uint8Array {
  const block = new Uint8Array(maxTextBlockBytes(bytes.length));
  return block.subarray(0, writeTextBlock(block, 0, { side, bytes }));
}

/**
 * Maximum size of a block.
 *
 * @param length Number of bytes that it shows.
 */
export function maxTextBlockBytes(length: number): number {
  return MAX_HEADER_BYTES + length * MAX_BYTES_PER_BYTE + 1;
}

/**
 * Writes a block; see {@link textBlock}.
 *
 * @param into Has room for {@link maxTextBlockBytes}.
 * @param start Where the block starts.
 * @returns Where the block ends.
 */
export function writeTextBlock(
  into: Uint8Array,
  start: number,
  { side, bytes }: { side: Side; bytes: Uint8Array },
): number {
  const header = encoder.encode(`${ARROW[side]} ${bytes.length}\n`);
  into.set(header, start);
  let at = start + header.length, column = 0;
  for (let i = 0; i < bytes.length; i++) {
    const value = bytes[i]!;
    if (value >= 0x20 && value <= 0x7e && value !== BACKSLASH) {
      into[at++] = value;
      column++;
    } else {
      const printed = PRINTED[value]!;
      for (let j = 0; j < printed.length; j++) into[at++] = printed[j]!;
      column = value === NEWLINE ? COLUMNS + 1 : column + printed.length;
    }
    if (column > COLUMNS) {
      into[at++] = NEWLINE;
      column = 0;
    }
  }
  into[at++] = NEWLINE;
  return at;
}

/**
 * The record at the end of a direction.
 *
 * @param side The side whose input ended.
 * @param how `"end"` for an orderly end (0), `"reset"` for a read error (-1).
 */
export function textEnd(side: Side, how: Ending): Uint8Array {
  return encoder.encode(`${ARROW[side]} ${how === "end" ? 0 : -1}\n\n`);
}
