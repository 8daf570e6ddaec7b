/** What the text format can put around each line: a prefix (`--dump-prefix`), and colors. */

import { joinBytes, NO_BYTES } from "../../base/bytes.ts";
import { UsageError } from "../../base/errors.ts";
import type { Side } from "../../base/side.ts";
import { localTime } from "./times.ts";

const PREFIX_FIELDS = ["time", "id", "dir"] as const;

/** A part of the prefix: the time of day, the number of the connection, or the direction. */
export type PrefixField = typeof PREFIX_FIELDS[number];

/** What is put around the lines of a record. */
export interface LineStyle {
  /** Parts of the prefix, in order. */
  readonly prefix?: readonly PrefixField[] | undefined;
  /** Whether each connection has a color; what the client sends is bold. */
  readonly color?: boolean | undefined;
}

/** A record of the text format. */
interface TextRecord {
  readonly id: number;
  readonly direction: Side;
  /** Microseconds since 1970. */
  readonly time: number;
}

const NEWLINE = 10;
const LENGTH_OF_DATE = "2026-11-22 ".length;
/** Foregrounds that are readable on black and on white (SGR): cyan, green, magenta, yellow, blue. */
const PALETTE = [36, 32, 35, 33, 94];
const BOLD = "1;", RESET = "\x1b[0m";

const encoder = new TextEncoder();

/**
 * Parses `--dump-prefix`: names of fields, separated by commas.
 *
 * @throws {UsageError} If it is invalid.
 */
export function parsePrefix(text: string): PrefixField[] {
  const fields = text.split(",");
  const known = PREFIX_FIELDS.filter((field) => fields.includes(field));
  if (known.length < fields.length) {
    throw new UsageError(`invalid dump prefix [${text}]: want some of ${PREFIX_FIELDS.join(",")}`);
  }
  return fields as PrefixField[];
}

/**
 * Puts the style around every line that is not empty. The color is switched off before the newline,
 * so that it never leaks.
 *
 * @param lines Lines, each with a newline at its end.
 */
export function styleLines(lines: Uint8Array, record: TextRecord, style: LineStyle): Uint8Array {
  const { prefix = [], color = false } = style;
  if (prefix.length === 0 && !color) return lines;
  const before = encoder.encode((color ? colorOf(record) : "") + prefixOf(record, prefix));
  const after = color ? encoder.encode(RESET) : NO_BYTES;
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < lines.length;) {
    const end = lines.indexOf(NEWLINE, at);
    if (end > at) pieces.push(before, lines.subarray(at, end), after);
    pieces.push(lines.subarray(end, end + 1));
    at = end + 1;
  }
  return joinBytes(pieces);
}

function prefixOf({ id, direction, time }: TextRecord, fields: readonly PrefixField[]): string {
  const texts: Readonly<Record<PrefixField, () => string>> = {
    time: () => localTime(time).slice(LENGTH_OF_DATE),
    id: () => `#${id}`,
    dir: () => direction === "client" ? ">" : "<",
  };
  return fields.map((field) => `${texts[field]()} `).join("");
}

function colorOf({ id, direction }: TextRecord): string {
  return `\x1b[${direction === "client" ? BOLD : ""}${PALETTE[id % PALETTE.length]}m`;
}
