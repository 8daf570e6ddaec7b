/** Sets of address ranges, in little memory: 100,000 of them are usual. Pure. */

import type { Network } from "../address/cidr.ts";
import type { Ip } from "../address/ip.ts";

/** Ranges of one family, sorted by their first address, then by their size, largest first. */
export interface Prefixes {
  /** 32-bit words of an address: 1 (IPv4) or 4 (IPv6). */
  readonly words: 1 | 4;
  /** The first address of each range, in words. */
  readonly starts: Uint32Array;
  /** How many bits all addresses of a range share. */
  readonly bits: Uint8Array;
}

/** A set of address ranges. A plain record. */
export interface PrefixSet {
  readonly v4: Prefixes;
  readonly v6: Prefixes;
}

/** Collects ranges in any order. */
export class PrefixCollector {
  readonly #v4 = new Column(1);
  readonly #v6 = new Column(4);
  /** The first address of the range that is added. */
  readonly #starts = new Uint32Array(4);

  /** Adds a range. */
  add({ network, bits }: Network): void {
    toWords(network, this.#starts);
    (network.length === 4 ? this.#v4 : this.#v6).add(this.#starts, 0, bits);
  }

  /** All of them, each once. */
  get set(): PrefixSet {
    return { v4: sorted(this.#v4.prefixes), v6: sorted(this.#v6.prefixes) };
  }
}

/** Makes a set of ranges in any order, each of them once. */
export function prefixSet(networks: readonly Network[]): PrefixSet {
  const collector = new PrefixCollector();
  for (const network of networks) collector.add(network);
  return collector.set;
}

/** Number of ranges in a set. */
export function prefixCount({ v4, v6 }: PrefixSet): number {
  return v4.bits.length + v6.bits.length;
}

/** A single range. */
export function singlePrefix({ network, bits }: Network): Prefixes {
  const starts = new Uint32Array(network.length / 4);
  toWords(network, starts);
  return { words: network.length === 4 ? 1 : 4, starts, bits: Uint8Array.of(bits) };
}

/** Whether a set contains exactly this range. */
export function hasPrefix({ v4, v6 }: PrefixSet, network: Network): boolean {
  return contains(network.network.length === 4 ? v4 : v6, singlePrefix(network));
}

/** Whether ranges contain exactly the first one of others. */
export function contains(prefixes: Prefixes, wanted: Prefixes): boolean {
  let low = 0, high = prefixes.bits.length;
  while (low < high) {
    const middle = (low + high) >>> 1, order = comparePrefixes(prefixes, middle, wanted, 0);
    if (order === 0) return true;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return false;
}

/** The range around a single one that is less specific: one with fewer bits. */
export function widened({ words, starts }: Prefixes, bits: number): Prefixes {
  const masked = starts.map((word, i) => {
    const left = bits - 32 * i;
    return left >= 32 ? word : left <= 0 ? 0 : word & (0xffffffff << (32 - left));
  });
  return { words, starts: masked, bits: Uint8Array.of(bits) };
}

/** The order of range `i` of `a` and range `j` of `b`, as for `sort()`. */
export function comparePrefixes(a: Prefixes, i: number, b: Prefixes, j: number): number {
  const { words } = a;
  for (let word = 0; word < words; word++) {
    const order = a.starts[i * words + word]! - b.starts[j * words + word]!;
    if (order !== 0) return order;
  }
  return a.bits[i]! - b.bits[j]!;
}

function toWords(ip: Ip, words: Uint32Array): void {
  for (let at = 0; at < ip.length; at += 4) {
    words[at / 4] = ip[at]! << 24 | ip[at + 1]! << 16 | ip[at + 2]! << 8 | ip[at + 3]!;
  }
}

function sorted(all: Prefixes): Prefixes {
  const count = all.bits.length;
  let isSorted = true;
  for (let i = 1; i < count && isSorted; i++) isSorted = comparePrefixes(all, i - 1, all, i) < 0;
  if (isSorted) return all;
  const order = Uint32Array.from({ length: count }, (_, i) => i)
    .sort((i, j) => comparePrefixes(all, i, all, j));
  const column = new Column(all.words, count);
  for (let at = 0; at < count; at++) {
    const i = order[at]!;
    if (at === 0 || comparePrefixes(all, order[at - 1]!, all, i) !== 0) column.copy(all, i);
  }
  return column.prefixes;
}

/** Ranges of one family, which grow. */
class Column {
  readonly #words: 1 | 4;
  #starts: Uint32Array;
  #bits: Uint8Array;
  #count = 0;

  constructor(words: 1 | 4, room = 64) {
    this.#words = words;
    this.#starts = new Uint32Array(room * words);
    this.#bits = new Uint8Array(room);
  }

  /** Adds a range whose first address is in `starts` from index `at` on. */
  add(starts: Uint32Array, at: number, bits: number): void {
    if (this.#count === this.#bits.length) this.#grow();
    const words = this.#words, end = this.#count * words;
    for (let word = 0; word < words; word++) this.#starts[end + word] = starts[at + word]!;
    this.#bits[this.#count++] = bits;
  }

  copy({ starts, bits }: Prefixes, i: number): void {
    this.add(starts, i * this.#words, bits[i]!);
  }

  get prefixes(): Prefixes {
    const words = this.#words, count = this.#count;
    return {
      words,
      starts: this.#starts.slice(0, count * words),
      bits: this.#bits.slice(0, count),
    };
  }

  #grow(): void {
    const room = 2 * this.#bits.length + 64, starts = new Uint32Array(room * this.#words);
    starts.set(this.#starts);
    this.#starts = starts;
    const bits = new Uint8Array(room);
    bits.set(this.#bits);
    this.#bits = bits;
  }
}
