/**
 * Which of many address ranges decides about an address: compiled once, in memory that all workers
 * share, and looked up by binary search. The most specific range decides; in both lists, `deny`.
 */

import type { Network } from "../address/cidr.ts";
import { parsePeerIp } from "../address/ip.ts";
import { comparePrefixes, type Prefixes, type PrefixSet } from "./prefixes.ts";

/** What a range decides. */
export type Verdict = "allow" | "deny";

/** Disjoint ranges that cover all addresses of a family; each ends where the next one starts. */
interface Spans {
  readonly words: 1 | 4;
  readonly starts: Uint32Array<SharedArrayBuffer>;
  /** {@link NONE}, or the verdict and the bits of the range that decides. */
  readonly codes: Uint16Array<SharedArrayBuffer>;
}

/** Compiled lists. Cloned to a worker, the memory is shared. */
export interface Verdicts {
  readonly v4: Spans;
  readonly v6: Spans;
}

/** Codes: no range decides, or a verdict plus the bits of its range. */
const NONE = 0, ALLOW = 0x100, DENY = 0x200, BITS = 0xff;

/** An address in words, so that a lookup of an IPv4 address allocates nothing. */
const found = new Uint32Array(4);

/** Compiles two lists. */
export function compileVerdicts(
  { allow, deny }: { readonly allow: PrefixSet; readonly deny: PrefixSet },
): Verdicts {
  return { v4: spansOf(allow.v4, deny.v4), v6: spansOf(allow.v6, deny.v6) };
}

/**
 * What the most specific range decides that contains an address.
 *
 * @param address Text as in `Endpoint`; a scope is ignored.
 * @returns `undefined` if no range contains it, or if it is not an address.
 */
export function verdictOf(verdicts: Verdicts, address: string): Verdict | undefined {
  const code = codeOf(verdicts, address);
  if (code === NONE) return undefined;
  return (code & DENY) !== 0 ? "deny" : "allow";
}

/** The range that decides about an address; `undefined` if none contains it. */
export function decidingNetwork(verdicts: Verdicts, address: string): Network | undefined {
  const code = codeOf(verdicts, address), ip = parsePeerIp(address);
  if (code === NONE || ip === undefined) return undefined;
  const bits = code & BITS;
  const network = ip.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - 8 * i))));
  return { network, bits };
}

function codeOf({ v4, v6 }: Verdicts, address: string): number {
  if (isDottedQuad(address)) return codeAt(v4);
  const ip = parsePeerIp(address);
  if (ip === undefined) return NONE;
  const view = new DataView(ip.buffer, ip.byteOffset, ip.byteLength);
  for (let at = 0; at < ip.length; at += 4) found[at / 4] = view.getUint32(at);
  return codeAt(ip.length === 4 ? v4 : v6);
}

/** Reads an IPv4 address as the system prints it to {@link found}. */
function isDottedQuad(text: string): boolean {
  let value = 0, part = 0, dots = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit >= 0 && digit <= 9) part = part * 10 + digit;
    else if (text[i] === ".") {
      value = value * 256 + part;
      part = 0;
      dots++;
    } else return false;
  }
  found[0] = value * 256 + part;
  return dots === 3;
}

/** The code of the address in {@link found}. */
function codeAt({ words, starts, codes }: Spans): number {
  // The first span starts at the lowest address.
  let low = 0, high = codes.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (startsAfterFound(words, starts, middle)) high = middle;
    else low = middle;
  }
  return codes[low]!;
}

function startsAfterFound(words: number, starts: Uint32Array, at: number): boolean {
  for (let word = 0; word < words; word++) {
    const start = starts[at * words + word]!, wanted = found[word]!;
    if (start !== wanted) return start > wanted;
  }
  return false;
}

function spansOf(allow: Prefixes, deny: Prefixes): Spans {
  const { words } = allow, all = new SpanWriter(words, allow.bits.length + deny.bits.length);
  for (let i = 0, j = 0; i < allow.bits.length || j < deny.bits.length;) {
    const order = i === allow.bits.length
      ? 1
      : j === deny.bits.length
      ? -1
      : comparePrefixes(allow, i, deny, j);
    if (order < 0) all.add(allow, i, ALLOW);
    else all.add(deny, j, DENY);
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  return all.spans();
}

/** The most ranges that may contain each other, all of different sizes. */
const MAX_DEPTH = 130;

/** Writes the spans of ranges that arrive in the order of {@link Prefixes}. */
class SpanWriter {
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

  add({ starts, bits }: Prefixes, i: number, verdict: number): void {
    const words = this.#words, at = i * words;
    this.#closeBefore(starts, at);
    for (let word = 0; word < words; word++) {
      this.#lasts[this.#depth * words + word] = lastWord(starts[at + word]!, bits[i]! - 32 * word);
    }
    this.#open[++this.#depth] = verdict | bits[i]!;
    this.#emit(starts, at);
  }

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
