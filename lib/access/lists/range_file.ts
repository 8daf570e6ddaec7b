import { NetworkReader, parseNetwork } from "../../address/cidr.ts";
import { configLines } from "../../config_file/lines.ts";
import { locateAt } from "../../config_file/place.ts";
import type { PrefixCollector } from "../prefixes.ts";

const NUL = 0, TAB = 9, NEWLINE = 10, RETURN = 13, BLANK = 32, HASH = 35;
const UTF8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads a file of ranges, one per line, see `parseNetwork()`. `#` starts a comment, as in a
 * configuration file.
 *
 * Usual lines are read byte by byte, because files have 100,000 of them; all others as any line of a
 * configuration file.
 *
 * @param to The name of the file, for errors, and where the ranges go.
 * @returns How many ranges it has.
 * @throws {UsageError} If one is invalid, or the file is not text as a configuration file is, also in
 *     comments; the error names the line.
 */
export function readRangeFile(
  bytes: Uint8Array,
  { file, ranges }: { file: string; ranges: PrefixCollector },
): number {
  // Throws: a line that ends with CR only would be part of a comment.
  if (!isPlainText(bytes)) configLines(bytes, file);
  let count = 0, line = 1;
  const reader = new NetworkReader(bytes);
  for (let start = 0; start < bytes.length; line++) {
    const newline = bytes.indexOf(NEWLINE, start), end = newline < 0 ? bytes.length : newline;
    const first = afterBlanks(bytes, start, end);
    if (first < end && bytes[first] !== HASH) {
      if (isWholeLine(bytes, reader.read(first, end), end)) {
        ranges.add(reader);
        count++;
      } else {
        for (const { text } of configLines(bytes.subarray(start, end), file, line)) {
          try {
            ranges.add(parseNetwork(text));
            count++;
          } catch (error) {
            throw locateAt(error, { file, line });
          }
        }
      }
    }
    start = end + 1;
  }
  return count;
}

function isPlainText(bytes: Uint8Array): boolean {
  if (bytes.includes(RETURN) || bytes.includes(NUL)) return false;
  try {
    UTF8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function afterBlanks(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] === BLANK || bytes[at] === TAB)) at++;
  return at;
}

/** Whether a range that ends at `at` is all of its line, but for blanks and a comment. */
function isWholeLine(bytes: Uint8Array, at: number, end: number): boolean {
  if (at < 0) return false;
  const after = afterBlanks(bytes, at, end);
  return after === end || (after > at && bytes[after] === HASH);
}
