/**
 * Disjoint spans of addresses, made of ranges that may contain each other, and their lookup by binary
 * search.
 */

import type { Prefixes } from "./prefixes.ts";

/** Disjoint ranges that cover all addresses of a family; each ends where the next one starts. */
export interface Spans {
  readonly words: 1 | 4;
  readonly starts: Uint32Array<SharedArrayBuffer>;
  /** {@link NO_RANGE}, or what the most specific range decides, plus its bits. */
  readonly codes: Uint16Array<SharedArrayBuffer>;
}

/** The code of addresses in no range. */
export const NO_RANGE = 0;
/** The lowest bits of a code: those of the range that decides. The others are not 0. */
export const CODE_BITS = 0xff;

/** The code of an address. @param address In words. */
export function codeAt({ words, starts, codes }: Spans, address: Uint32Array): number {
  // The first span starts at the lowest address.
  let low = 0, high = codes.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (compareWords(starts, middle * words, address, 0, words) > 0) high = middle;
    else low = middle;
  }
  return codes[low]!;
}

/** The most ranges that may contain each other, all of different sizes. */
const MAX_DEPTH = 130;

/** Writes the spans of ranges that arrive in the order of {@link Prefixes}. */
export class SpanWriter {
  readonly #words: 1 | 4;
  readonly #starts: Uint32Array;
  readonly #codes: Uint16Array;
  #count = 0;
  /** The ranges that contain the current address, the largest first: their last addresses. */
  readonly #lasts: Uint32Array;
  /** The code outside of all ranges, then the codes of those. */
  readonly #open = new Uint16Array(MAX_DEPTH);
  #depth = 0;
  readonly #next: Uint32Array;

  /** @param ranges How many ranges arrive at most. */
  constructor(words: 1 | 4, ranges: number) {
    this.#words = words;
    this.#starts = new Uint32Array((2 * ranges + 1) * words);
    this.#codes = new Uint16Array(2 * ranges + 1);
    this.#lasts = new Uint32Array(MAX_DEPTH * words);
    this.#next = new Uint32Array(words);
    this.#emit(this.#next, 0);
  }

  /**
   * Adds range `i`.
   *
   * @param decide What it decides, as a code without bits. It gets the code of the most specific of
   * the ranges so far that contain it.
   */
  add({ starts, bits }: Prefixes, i: number, decide: number | ((outer: number) => number)): void {
    const words = this.#words, at = i * words;
    this.#closeBefore(starts, at);
    const decision = typeof decide === "number" ? decide : decide(this.#open[this.#depth]!);
    for (let word = 0; word < words; word++) {
      this.#lasts[this.#depth * words + word] = lastWord(starts[at + word]!, bits[i]! - 32 * word);
    }
    this.#open[++this.#depth] = decision | bits[i]!;
    this.#emit(starts, at);
  }

  /** All spans, in memory that workers can share. */
  spans(): Spans {
    while (this.#depth > 0) this.#close();
    const starts = new Uint32Array(new SharedArrayBuffer(this.#count * this.#words * 4));
    const codes = new Uint16Array(new SharedArrayBuffer(this.#count * 2));
    starts.set(this.#starts.subarray(0, starts.length));
    codes.set(this.#codes.subarray(0, codes.length));
    return { words: this.#words, starts, codes };
  }

  /** Ends the ranges that do not contain the address in `starts` from index `at` on. */
  #closeBefore(starts: Uint32Array, at: number): void {
    const words = this.#words;
    while (this.#depth > 0) {
      if (compareWords(this.#lasts, (this.#depth - 1) * words, starts, at, words) >= 0) return;
      this.#close();
    }
  }

  /** Ends the smallest range. What follows it belongs to the one around it. */
  #close(): void {
    const words = this.#words, last = --this.#depth * words;
    let carry = 1;
    for (let word = words - 1; word >= 0; word--) {
      const next = this.#lasts[last + word]! + carry;
      this.#next[word] = next;
      carry = next > 0xffffffff ? 1 : 0;
    }
    // Nothing follows the highest address.
    if (carry === 0) this.#emit(this.#next, 0);
  }

  /** Starts a span with the code of the smallest range. */
  #emit(starts: Uint32Array, at: number): void {
    const words = this.#words, end = this.#count * words;
    const replaces = this.#count > 0 &&
      compareWords(this.#starts, end - words, starts, at, words) === 0;
    const to = replaces ? end - words : end;
    for (let word = 0; word < words; word++) this.#starts[to + word] = starts[at + word]!;
    if (!replaces) this.#count++;
    this.#codes[this.#count - 1] = this.#open[this.#depth]!;
  }
}

/** The order of two addresses of `words` words, as for `sort()`. */
function compareWords(
  a: Uint32Array,
  atA: number,
  b: Uint32Array,
  atB: number,
  words: number,
): number {
  for (let word = 0; word < words; word++) {
    const order = a[atA + word]! - b[atB + word]!;
    if (order !== 0) return order;
  }
  return 0;
}

/** A word of the last address of a range that shares its first `bits` bits. */
function lastWord(start: number, bits: number): number {
  if (bits >= 32) return start;
  return bits <= 0 ? 0xffffffff : start | (0xffffffff >>> bits);
}
