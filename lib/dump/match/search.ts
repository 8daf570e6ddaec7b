/**
 * Searches bytes with a compiled regular expression, in time proportional to their number.
 *
 * All ways to match are followed at the same time, as a set of instructions. Sets that were seen
 * before are states of a table with a row for each state, so that nearly every byte costs one look
 * into it. An expression whose table grows without end is searched without the table.
 */

import { KIND, OP, PLACES, type Program } from "./program.ts";
import type { Place } from "./syntax.ts";

/** Limits of the table; at either of them it starts again. */
const MAX_STATES = 1000, MAX_ELEMENTS = 1 << 18;
/** A table that is full is of no use if its states have served fewer bytes than this each. */
const BYTES_PER_STATE = 8;
/** Instructions that one search may examine; they take about 20 ms. */
const MAX_EFFORT = 1 << 22;
/** What a new state costs, in instructions. */
const STATE_EFFORT = 100;
const MAX_STEP = 2 ** 32 - 1;
const NO_ELEMENTS = new Int32Array(0);
/** An entry that is not known yet. Odd, as are all entries with a match. */
const UNKNOWN = -1;

/** The instructions that wait for the next byte, sorted. */
interface State {
  /** Where its row in the table starts. */
  readonly row: number;
  readonly elements: Int32Array;
  /** The {@link KIND} of what is before the next byte. */
  readonly before: number;
}

/** Which matches in a text count. */
interface SearchRange {
  /** A match counts if it ends at this index or later. @default 0 */
  readonly from?: number;
  /** The last byte is not searched, but only shows what follows. @default false */
  readonly isCut?: boolean;
}

/** The search for one expression. It keeps its table for the next search. */
export class Search {
  readonly #program: Program;
  readonly #maxEffort: number;
  /** Entries in a row: one for each class of bytes, and one for the end of the text. */
  readonly #width: number;
  /** Twice the next row, plus 1 if a match ends before the byte. */
  readonly #table: Int32Array;
  readonly #maxStates: number;
  readonly #states: State[] = [];
  readonly #byKey = new Map<string, State>();
  #elements = 0;
  /** Bytes that the current table has served. */
  #served = 0;
  /** The result of a step: elements, their number, and whether a match ends before the byte. */
  #next: Int32Array;
  #spare: Int32Array;
  #count = 0;
  #matched = false;
  readonly #stack: Int32Array;
  /** The step in which an instruction was examined, or became an element. */
  readonly #examined: Uint32Array;
  readonly #added: Uint32Array;
  #step = 0;
  #effort = 0;

  /** @param options Limits, for tests. */
  constructor(
    program: Program,
    { maxEffort = MAX_EFFORT, maxStates = MAX_STATES }: { maxEffort?: number; maxStates?: number } =
      {},
  ) {
    const size = program.op.length;
    this.#program = program;
    this.#maxEffort = maxEffort;
    this.#maxStates = maxStates;
    this.#width = program.classes + 1;
    this.#table = new Int32Array((maxStates + 1) * this.#width).fill(UNKNOWN);
    this.#next = new Int32Array(size);
    this.#spare = new Int32Array(size);
    this.#stack = new Int32Array(3 * size + 1);
    this.#examined = new Uint32Array(size);
    this.#added = new Uint32Array(size);
  }

  /**
   * Whether a text contains a match that counts. A search that takes too long (possible only with a
   * large expression and a text made for it) gives up and returns `true`.
   */
  finds(text: Uint8Array, { from = 0, isCut = false }: SearchRange = {}): boolean {
    this.#effort = this.#maxEffort;
    const { classOf, classes } = this.#program;
    const table = this.#table;
    let { row } = this.#state(NO_ELEMENTS, KIND.end);
    const length = text.length;
    const end = isCut ? length : length + 1;
    let at = 0;
    for (; at < end; at++) {
      const byteClass = at === length ? classes : classOf[text[at]!]!;
      let entry = table[row + byteClass]!;
      if ((entry & 1) === 1) {
        if (entry === UNKNOWN) {
          const learned = this.#learn(row, byteClass, at);
          if (learned === undefined) return this.#findsWithoutTable(text, { at, from, end });
          entry = learned;
        }
        if ((entry & 1) === 1 && at >= from || this.#effort < 0) return true;
      }
      row = entry >> 1;
    }
    this.#served += length;
    return false;
  }

  /** Continues after a step for the byte at an index. */
  #findsWithoutTable(
    text: Uint8Array,
    { at, from, end }: { at: number; from: number; end: number },
  ): boolean {
    const { classOf, classes, kindOf } = this.#program;
    for (;;) {
      if (this.#matched && at >= from || this.#effort < 0) return true;
      if (++at >= end) return false;
      const before = kindOf[classOf[text[at - 1]!]!]!;
      const now = this.#next;
      this.#next = this.#spare;
      this.#spare = now;
      const byteClass = at === text.length ? classes : classOf[text[at]!]!;
      this.#advance(now, this.#count, before, byteClass);
    }
  }

  /** Computes an entry; `undefined` if the table is of no use. */
  #learn(row: number, byteClass: number, at: number): number | undefined {
    const { elements, before } = this.#states[row / this.#width]!;
    this.#advance(elements, elements.length, before, byteClass);
    const isFull = this.#states.length >= this.#maxStates || this.#elements > MAX_ELEMENTS;
    if (isFull) {
      const isUseless = this.#served + at < BYTES_PER_STATE * this.#states.length;
      this.#reset(at);
      if (isUseless) return undefined;
    }
    this.#effort -= STATE_EFFORT;
    const next = this.#state(
      this.#next.slice(0, this.#count).sort(),
      this.#program.kindOf[byteClass]!,
    );
    const entry = 2 * next.row + (this.#matched ? 1 : 0);
    if (!isFull) this.#table[row + byteClass] = entry;
    return entry;
  }

  /** Empties the table at an index of the current text. */
  #reset(at: number): void {
    this.#table.fill(UNKNOWN);
    this.#states.length = 0;
    this.#byKey.clear();
    this.#elements = 0;
    this.#served = -at;
  }

  /** Finds or adds a state. The table must have room. */
  #state(elements: Int32Array, before: number): State {
    const key = String.fromCharCode(before, ...elements);
    let state = this.#byKey.get(key);
    if (state === undefined) {
      state = { row: this.#states.length * this.#width, elements, before };
      this.#byKey.set(key, state);
      this.#states.push(state);
      this.#elements += elements.length;
    }
    return state;
  }

  /** Sets the result for elements, what is before the next byte, and the class of that byte. */
  #advance(elements: Int32Array, size: number, before: number, byteClass: number): void {
    const { op, x, y, start, accepts, kindOf } = this.#program;
    const width = this.#width, stack = this.#stack, examined = this.#examined, added = this.#added;
    const next = this.#next;
    const step = this.#newStep();
    const after = kindOf[byteClass]!;
    let count = 0, matched = false, effort = 0;
    // The start comes last: a match may start anywhere.
    for (let from = 0, top = -1; from <= size || top >= 0;) {
      const i = top >= 0 ? stack[top--]! : from < size ? elements[from++]! : (from++, start);
      if (examined[i] === step) continue;
      examined[i] = step;
      effort++;
      switch (op[i]) {
        case OP.byte: {
          const to = x[i]!;
          if (accepts[i * width + byteClass] === 1 && added[to] !== step) {
            added[to] = step;
            next[count++] = to;
          }
          break;
        }
        case OP.fork:
          stack[++top] = x[i]!;
          stack[++top] = y[i]!;
          break;
        case OP.place:
          if (isAt(PLACES[y[i]!]!, before, after)) stack[++top] = x[i]!;
          break;
        case OP.match:
          matched = true;
      }
    }
    this.#count = count;
    this.#matched = matched;
    this.#effort -= effort;
  }

  #newStep(): number {
    if (this.#step === MAX_STEP) {
      this.#examined.fill(0);
      this.#added.fill(0);
      this.#step = 0;
    }
    return ++this.#step;
  }
}

/** Whether a position between two {@link KIND}s is a place. */
function isAt(place: Place, before: number, after: number): boolean {
  switch (place) {
    case "line start":
      return before === KIND.end || before === KIND.newline;
    case "line end":
      return after === KIND.end || after === KIND.newline;
    case "text start":
      return before === KIND.end;
    case "text end":
      return after === KIND.end;
    case "word boundary":
      return (before === KIND.word) !== (after === KIND.word);
    case "no word boundary":
      return (before === KIND.word) === (after === KIND.word);
  }
}
