/**
 * The packet dump of 3.35: a header line with direction and length, the bytes made readable,
 * one newline. Pure.
 */

import type { Ending, Side } from "../../base/side.ts";

const ARROW = { client: "->", backend: "-<" } as const;
const NEWLINE = 10;
const BACKSLASH = 92;
/** A line is broken as soon as it holds more columns than this. */
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
 * @param side Who sent the bytes.
 * @param bytes What was read at once.
 * @returns The printable block, header line included.
 */
export function textBlock(side: Side, bytes: Uint8Array): Uint8Array {
  const header = encoder.encode(`${ARROW[side]} ${bytes.length}\n`);
  // An escape takes three bytes, and no byte brings more than one line break.
  const block = new Uint8Array(header.length + bytes.length * 4 + 1);
  block.set(header);
  let at = header.length, column = 0;
  for (let i = 0; i < bytes.length; i++) {
    const value = bytes[i]!;
    if (value >= 0x20 && value <= 0x7e && value !== BACKSLASH) {
      block[at++] = value;
      column++;
    } else {
      const printed = PRINTED[value]!;
      for (let j = 0; j < printed.length; j++) block[at++] = printed[j]!;
      column = value === NEWLINE ? COLUMNS + 1 : column + printed.length;
    }
    if (column > COLUMNS) {
      block[at++] = NEWLINE;
      column = 0;
    }
  }
  block[at++] = NEWLINE;
  return block.subarray(0, at);
}

/**
 * The record at the end of a direction.
 *
 * @param side Whose input ended.
 * @param how `"end"` for an orderly end (0), `"reset"` for a read error (-1).
 */
export function textEnd(side: Side, how: Ending): Uint8Array {
  return encoder.encode(`${ARROW[side]} ${how === "end" ? 0 : -1}\n\n`);
}
