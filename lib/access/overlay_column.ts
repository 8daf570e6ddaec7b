/** The changes of one family, in flat memory: a change must be cheap also after thousands of them. */

import { comparePrefixes, type Prefixes } from "./prefixes.ts";
import { CODE_BITS, type Spans, SpanWriter } from "./spans.ts";
import { AS_OTHERS, moreSpecific } from "./verdicts.ts";

/** What a changed range decides. */
export interface Decision {
  /** A code without bits; 0 for a range that was removed: the next larger one around it decides. */
  readonly code: number;
  /** For that: the code of the next larger range of the options. */
  readonly outer: number;
}

/** Ranges in the order of {@link Prefixes}, each once, with what they decide. */
export class OverlayColumn {
  readonly #words: 1 | 4;
  #starts: Uint32Array;
  #bits: Uint8Array;
  #codes: Uint16Array;
  #outers: Uint16Array;
  #count = 0;
  /** Those of the ranges as they are now. */
  #spans: Spans | undefined;

  constructor(words: 1 | 4, room = 16) {
    this.#words = words;
    this.#starts = new Uint32Array(room * words);
    this.#bits = new Uint8Array(room);
    this.#codes = new Uint16Array(room);
    this.#outers = new Uint16Array(room);
  }

  /** Adds a range, or changes what it decides. */
  set(range: Prefixes, { code, outer }: Decision): void {
    const { at, isThere } = this.#find(range);
    if (!isThere) {
      if (this.#count === this.#bits.length) this.#grow();
      this.#move(at, at + 1);
      this.#count++;
      this.#starts.set(range.starts, at * this.#words);
      this.#bits[at] = range.bits[0]!;
    }
    this.#codes[at] = code;
    this.#outers[at] = outer;
    this.#spans = undefined;
  }

  /** Removes a range, if it is there. */
  delete(range: Prefixes): void {
    const { at, isThere } = this.#find(range);
    if (!isThere) return;
    this.#move(at + 1, at);
    this.#count--;
    this.#spans = undefined;
  }

  /** The spans of all ranges. */
  compile(): Spans {
    return this.#spans ??= this.#compiled();
  }

  #compiled(): Spans {
    const writer = new SpanWriter(this.#words, this.#count), all = this.#prefixes;
    for (let i = 0; i < this.#count; i++) {
      const code = this.#codes[i]!, outer = this.#outers[i]!;
      const around = (changed: number) => (moreSpecific(changed, outer) & ~CODE_BITS) || AS_OTHERS;
      writer.add(all, i, code === 0 ? around : code);
    }
    return writer.spans();
  }

  /** With room for more at the end. */
  get #prefixes(): Prefixes {
    return { words: this.#words, starts: this.#starts, bits: this.#bits };
  }

  #find(range: Prefixes): { at: number; isThere: boolean } {
    const all = this.#prefixes;
    let low = 0, high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1, order = comparePrefixes(all, middle, range, 0);
      if (order === 0) return { at: middle, isThere: true };
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return { at: low, isThere: false };
  }

  /** Moves all ranges from one index on. */
  #move(from: number, to: number): void {
    const words = this.#words, end = this.#count;
    this.#starts.copyWithin(to * words, from * words, end * words);
    for (const one of [this.#bits, this.#codes, this.#outers]) one.copyWithin(to, from, end);
  }

  #grow(): void {
    const larger = new OverlayColumn(this.#words, 2 * this.#bits.length);
    larger.#starts.set(this.#starts);
    larger.#bits.set(this.#bits);
    larger.#codes.set(this.#codes);
    larger.#outers.set(this.#outers);
    this.#starts = larger.#starts;
    this.#bits = larger.#bits;
    this.#codes = larger.#codes;
    this.#outers = larger.#outers;
  }
}
