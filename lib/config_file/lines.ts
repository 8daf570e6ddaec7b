import { UsageError, withName } from "../base/errors.ts";
import { locateAt } from "./place.ts";

/** A line of a configuration file that is neither empty nor a comment. */
export interface ConfigLine {
  /** From 1. */
  readonly line: number;
  readonly word: string;
  /** What follows the first blanks, without those at its end; it may contain blanks. */
  readonly rest: string;
  /** All of the line, without blanks at its start and its end and without a comment. */
  readonly text: string;
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
const NEWLINE = 10;
const BYTE_ORDER_MARK = "\uFEFF";

/**
 * Splits a file into lines and each line into words. `#` starts a comment at the start of a line
 * and after a blank. Pure.
 *
 * @param file Its name, for errors.
 * @param first The number of the first line.
 * @throws {UsageError} If it is not text, or not as it is written on Unix.
 * @see balance(1), FILES
 */
export function configLines(bytes: Uint8Array, file: string, first = 1): ConfigLine[] {
  const lines: ConfigLine[] = [];
  for (const [i, raw] of splitLines(bytes).entries()) {
    const line = first + i;
    const fail = (reason: string) => locateAt(new UsageError(withName(reason)), { file, line });
    const whole = decoded(raw);
    if (whole === undefined) throw fail("not UTF-8 text");
    if (whole.startsWith(BYTE_ORDER_MARK)) throw fail("starts with a byte order mark, remove it");
    if (whole.includes("\0")) throw fail("contains a null byte, so this is not a text file");
    if (whole.includes("\r")) {
      throw fail("contains a carriage return: lines end with LF, not CR LF");
    }
    const text = withoutComment(whole);
    const [, word, rest = ""] = /^([^ \t]+)(?:[ \t]+(.*))?$/s.exec(text) ?? [];
    if (word !== undefined) lines.push({ line, word, rest, text });
  }
  return lines;
}

function splitLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(NEWLINE, start);
    lines.push(bytes.subarray(start, end < 0 ? bytes.length : end));
    start = end < 0 ? bytes.length : end + 1;
  }
  return lines;
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

function withoutComment(text: string): string {
  return text.replace(/(^|[ \t])#.*$/s, "").replace(/^[ \t]+/, "").replace(/[ \t]+$/, "");
}
