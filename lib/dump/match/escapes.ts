/** Names of bytes and of sets of bytes in regular expressions: `\n`, `\x0a`, `\d`, `[:alpha:]`. */

import { byteRange, type ByteSet, byteSet, complement, union, WORD } from "./syntax.ts";

const DIGIT = byteRange(0x30, 0x39);
/** Tab, newline, vertical tab, form feed, carriage return, space. */
const SPACE = byteSet((byte) => byte >= 9 && byte <= 13 || byte === 0x20);
const UPPER = byteRange(0x41, 0x5a), LOWER = byteRange(0x61, 0x7a);
const ALPHA = union([UPPER, LOWER]), ALNUM = union([ALPHA, DIGIT]);
const GRAPH = byteRange(0x21, 0x7e);

const SETS: Readonly<Record<string, ByteSet>> = {
  d: DIGIT,
  D: complement(DIGIT),
  s: SPACE,
  S: complement(SPACE),
  w: WORD,
  W: complement(WORD),
};

/** The sets of POSIX, for ASCII. */
export const POSIX_SETS: Readonly<Record<string, ByteSet>> = {
  alnum: ALNUM,
  alpha: ALPHA,
  ascii: byteRange(0, 0x7f),
  blank: union([byteRange(9), byteRange(0x20)]),
  cntrl: union([byteRange(0, 0x1f), byteRange(0x7f)]),
  digit: DIGIT,
  graph: GRAPH,
  lower: LOWER,
  print: byteRange(0x20, 0x7e),
  punct: byteSet((byte) => GRAPH[byte] === 1 && ALNUM[byte] === 0),
  space: SPACE,
  upper: UPPER,
  word: WORD,
  xdigit: union([DIGIT, byteRange(0x41, 0x46), byteRange(0x61, 0x66)]),
};

const CONTROLS: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** What an escape stands for. */
export interface Escape {
  /** The escape as written, with its backslash. */
  readonly text: string;
  /** One byte, or a set of bytes. */
  readonly value: number | ByteSet;
}

/**
 * Reads an escape at the start of a text: a backslash and what belongs to it. The caller handles
 * escapes that mean different things inside and outside of brackets, such as `\b`.
 *
 * @returns The escape, or the reason why it is invalid.
 */
export function readEscape(text: string): Escape | string {
  const hex = /^\\(?:x([0-9a-f]{2})|x\{([0-9a-f]{1,6})\}|u([0-9a-f]{4}))/i.exec(text);
  if (hex !== null) {
    const value = parseInt(hex[1] ?? hex[2] ?? hex[3] ?? "", 16);
    return value > 255 ? `${hex[0]} is not a byte` : { text: hex[0], value };
  }
  const control = /^\\c([a-z])/i.exec(text);
  if (control !== null) return { text: control[0], value: control[1]!.charCodeAt(0) & 31 };
  const letter = text[1];
  if (letter === undefined) return "trailing backslash";
  const escape = `\\${letter}`;
  if (letter === "0") return { text: escape, value: 0 };
  if (/[1-9]/.test(letter)) return `the back-reference ${escape} is not supported`;
  if (/[pP]/.test(letter)) return `${escape} is not supported: the expression matches bytes`;
  if (letter === "k") return `the back-reference ${escape} is not supported`;
  const value = SETS[letter] ?? CONTROLS[letter];
  if (value !== undefined) return { text: escape, value };
  if (/[^a-zA-Z\x80-\uffff]/.test(letter)) return { text: escape, value: letter.charCodeAt(0) };
  return `unknown escape ${escape}`;
}
