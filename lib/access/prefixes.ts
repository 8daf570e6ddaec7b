/** Sets of address ranges, in little memory: 100,000 of them are usual. Pure. */

import type { Network } from "../address/cidr.ts";

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

/** Makes a set of ranges in any order, each of them once. */
export function prefixSet(networks: readonly Network[]): PrefixSet {
  return {
    v4: sorted(networks.filter(({ network }) => network.length === 4), 1),
    v6: sorted(networks.filter(({ network }) => network.length === 16), 4),
  };
}

/** Number of ranges in a set. */
export function prefixCount({ v4, v6 }: PrefixSet): number {
  return v4.bits.length + v6.bits.length;
}

/** Whether a set contains exactly this range. */
export function hasPrefix(set: PrefixSet, { network, bits }: Network): boolean {
  const prefixes = network.length === 4 ? set.v4 : set.v6;
  const wanted: Prefixes = {
    words: prefixes.words,
    starts: new Uint32Array(prefixes.words),
    bits: Uint8Array.of(bits),
  };
  store(wanted, 0, network);
  let low = 0, high = prefixes.bits.length;
  while (low < high) {
    const middle = (low + high) >>> 1, order = comparePrefixes(prefixes, middle, wanted, 0);
    if (order === 0) return true;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return false;
}

/** All ranges of two sets. */
export function union(one: PrefixSet, other: PrefixSet): PrefixSet {
  return { v4: merged(one.v4, other.v4, true), v6: merged(one.v6, other.v6, true) };
}

/** The ranges of the first set that are not in the second one. */
export function difference(one: PrefixSet, other: PrefixSet): PrefixSet {
  return { v4: merged(one.v4, other.v4, false), v6: merged(one.v6, other.v6, false) };
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

function sorted(networks: readonly Network[], words: 1 | 4): Prefixes {
  const count = networks.length;
  const all = { words, starts: new Uint32Array(count * words), bits: new Uint8Array(count) };
  const order = new Uint32Array(count);
  for (const [i, { network, bits }] of networks.entries()) {
    store(all, i, network);
    all.bits[i] = bits;
    order[i] = i;
  }
  order.sort((i, j) => comparePrefixes(all, i, all, j));
  return collected(words, count, (add) => {
    for (const [at, i] of order.entries()) {
      if (at === 0 || comparePrefixes(all, order[at - 1]!, all, i) !== 0) add(all, i);
    }
  });
}

function store({ words, starts }: Prefixes, i: number, network: Uint8Array): void {
  const view = new DataView(network.buffer, network.byteOffset, network.byteLength);
  for (let word = 0; word < words; word++) starts[i * words + word] = view.getUint32(word * 4);
}

/** The ranges of `a` and, if `adds`, those of `b`; otherwise without those of `b`. */
function merged(a: Prefixes, b: Prefixes, adds: boolean): Prefixes {
  const most = a.bits.length + (adds ? b.bits.length : 0);
  return collected(a.words, most, (add) => {
    for (let i = 0, j = 0; i < a.bits.length || j < b.bits.length;) {
      const order = i === a.bits.length
        ? 1
        : j === b.bits.length
        ? -1
        : comparePrefixes(a, i, b, j);
      if (order < 0 || (order === 0 && adds)) add(a, i);
      else if (adds) add(b, j);
      if (order <= 0) i++;
      if (order >= 0) j++;
    }
  });
}

/** Collects at most `most` ranges in order. */
function collected(
  words: 1 | 4,
  most: number,
  collect: (add: (from: Prefixes, i: number) => void) => void,
): Prefixes {
  const starts = new Uint32Array(most * words), bits = new Uint8Array(most);
  let count = 0;
  collect((from, i) => {
    for (let word = 0; word < words; word++) {
      starts[count * words + word] = from.starts[i * words + word]!;
    }
    bits[count++] = from.bits[i]!;
  });
  return { words, starts: starts.slice(0, count * words), bits: bits.slice(0, count) };
}
