import { parseNetwork } from "../../address/cidr.ts";
import { configLines } from "../../config_file/lines.ts";
import { locateAt } from "../../config_file/place.ts";
import type { PrefixCollector } from "../prefixes.ts";

const NEWLINE = 10, TAB = 9, BLANK = 32, HASH = 35, DOT = 46, SLASH = 47, ZERO = 48, COLON = 58;
const LOWER_A = 97, LOWER_F = 102;

/**
 * Reads a file of ranges, one per line, see `parseNetwork()`. `#` starts a comment, as in a
 * configuration file.
 *
 * Usual lines are read byte by byte, because files have 100,000 of them; all others as any line of a
 * configuration file.
 *
 * @param to The name of the file, for errors, and where the ranges go.
 * @returns How many ranges it has.
 * @throws {UsageError} If one is invalid; the error names the line.
 */
export function readRangeFile(
  bytes: Uint8Array,
  { file, ranges }: { file: string; ranges: PrefixCollector },
): number {
  let count = 0, line = 1;
  const fast = new RangeReader(bytes);
  for (let start = 0; start < bytes.length; line++) {
    const newline = bytes.indexOf(NEWLINE, start), end = newline < 0 ? bytes.length : newline;
    if (fast.read(start, end)) {
      if (fast.length > 0) {
        ranges.addWords(fast.words, fast.length, fast.bits);
        count++;
      }
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
    start = end + 1;
  }
  return count;
}

/** Reads lines with a range as it is usually written, and those with a comment only. */
class RangeReader {
  /** The first address of the range. */
  readonly words = new Uint32Array(4);
  /** How many words that is; 0 if there is only a comment. */
  length = 0;
  bits = 0;
  readonly #bytes: Uint8Array;
  #at = 0;
  #end = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @returns Whether the line is a usual one. */
  read(start: number, end: number): boolean {
    [this.#at, this.#end, this.length] = [start, end, 0];
    this.#skipBlanks();
    if (this.#at === end || this.#bytes[this.#at] === HASH) return true;
    const first = this.#at;
    if (this.#address4()) this.length = 1;
    else {
      this.#at = first;
      if (!this.#address6()) return false;
      this.length = 4;
    }
    if (!this.#prefixLength(32 * this.length)) return false;
    this.#clearHostBits();
    const after = this.#at;
    this.#skipBlanks();
    return this.#at === end || (this.#at > after && this.#bytes[this.#at] === HASH);
  }

  #skipBlanks(): void {
    while (this.#at < this.#end) {
      const byte = this.#bytes[this.#at];
      if (byte !== BLANK && byte !== TAB) return;
      this.#at++;
    }
  }

  /** A decimal number below 1000, without a leading zero unless `zeros`; -1 if there is none. */
  #decimal(zeros: boolean): number {
    const start = this.#at;
    let value = 0;
    while (this.#at < this.#end && this.#at - start < 3) {
      const digit = this.#bytes[this.#at]! - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      this.#at++;
    }
    const length = this.#at - start;
    return length === 0 || (!zeros && length > 1 && this.#bytes[start] === ZERO) ? -1 : value;
  }

  #address4(): boolean {
    let address = 0;
    for (let part = 0; part < 4; part++) {
      if (part > 0 && this.#bytes[this.#at++] !== DOT) return false;
      const value = this.#decimal(false);
      if (value < 0 || value > 255) return false;
      address = address * 256 + value;
    }
    this.words[0] = address;
    return true;
  }

  /** Groups of hexadecimal digits; not those that end in an IPv4 address, or are mapped ones. */
  #address6(): boolean {
    const groups: number[] = [];
    let gap = -1;
    for (;;) {
      const byte = this.#at < this.#end ? this.#bytes[this.#at] : undefined;
      if (byte === COLON && this.#bytes[this.#at + 1] === COLON && this.#at + 1 < this.#end) {
        if (gap >= 0) return false;
        gap = groups.length;
        this.#at += 2;
      } else if (byte === COLON && groups.length > 0 && gap !== groups.length) this.#at++;
      else if (groups.length > 0 || gap >= 0) break;
      const group = this.#group();
      if (group >= 0) groups.push(group);
      else if (gap === groups.length) break;
      else return false;
    }
    if (gap < 0 ? groups.length !== 8 : groups.length > 7) return false;
    const zeros = 8 - groups.length, full = [...groups];
    if (gap >= 0) full.splice(gap, 0, ...new Array<number>(zeros).fill(0));
    for (let word = 0; word < 4; word++) {
      this.words[word] = full[2 * word]! * 65536 + full[2 * word + 1]!;
    }
    return this.words[0] !== 0 || this.words[1] !== 0;
  }

  /** One to four hexadecimal digits; -1 if there are none. */
  #group(): number {
    const start = this.#at;
    let value = 0;
    while (this.#at < this.#end && this.#at - start < 4) {
      const byte = this.#bytes[this.#at]! | 0x20, digit = this.#bytes[this.#at]! - ZERO;
      if (digit >= 0 && digit <= 9) value = value * 16 + digit;
      else if (byte >= LOWER_A && byte <= LOWER_F) value = value * 16 + byte - LOWER_A + 10;
      else break;
      this.#at++;
    }
    return this.#at === start ? -1 : value;
  }

  #prefixLength(max: number): boolean {
    this.bits = max;
    if (this.#at === this.#end || this.#bytes[this.#at] !== SLASH) return true;
    this.#at++;
    this.bits = this.#decimal(true);
    return this.bits >= 0 && this.bits <= max;
  }

  #clearHostBits(): void {
    for (let word = 0; word < this.length; word++) {
      const shared = this.bits - 32 * word;
      if (shared >= 32) continue;
      this.words[word]! &= shared <= 0 ? 0 : -1 << (32 - shared);
    }
  }
}
