/** Compiles a regular expression over bytes to instructions for `search.ts`. Pure. */

import { PatternError } from "./parse.ts";
import { byteRange, type ByteSet, type Node, type Place, WORD } from "./syntax.ts";

/** What an instruction does. */
export const OP = { byte: 0, fork: 1, place: 2, match: 3 } as const;

/** What is on one side of a position: an end of the text, or a byte. */
export const KIND = { other: 0, end: 1, newline: 2, word: 3 } as const;

/** Each {@link Place} as a number. */
export const PLACES: readonly Place[] = [
  "line start",
  "line end",
  "text start",
  "text end",
  "word boundary",
  "no word boundary",
];

/**
 * A compiled expression: a nondeterministic automaton. Instruction `i` is described by `op[i]`,
 * `x[i]` and `y[i]`; `x` is the next instruction of `byte` and `place`, `x` and `y` are both next of
 * `fork`; `y` of `place` is an index in {@link PLACES}.
 */
export interface Program {
  readonly op: Uint8Array;
  readonly x: Int32Array;
  readonly y: Int32Array;
  readonly start: number;
  /** The class of each byte: bytes of one class are the same to all instructions. */
  readonly classOf: Uint8Array;
  /** Number of classes. The class after the last one is the end of the text. */
  readonly classes: number;
  /** Whether the instruction `i` accepts class `c`: at `i * (classes + 1) + c`. */
  readonly accepts: Uint8Array;
  /** The {@link KIND} of each class; always "other" if no instruction tests a place. */
  readonly kindOf: Uint8Array;
}

/** Bounds memory: a repetition of a repetition may be large. */
const MAX_INSTRUCTIONS = 4000;

interface Instruction {
  op: number;
  x: number;
  y: number;
  set?: ByteSet;
}

/**
 * Compiles a parsed expression.
 *
 * @throws {PatternError} If it is too large.
 */
export function compilePattern(node: Node): Program {
  const compiler = new Compiler();
  const start = compiler.emit(node, compiler.add({ op: OP.match, x: 0, y: 0 }));
  const { code } = compiler;
  const hasPlaces = code.some(({ op }) => op === OP.place);
  const sets = new Set(code.flatMap(({ set }) => set === undefined ? [] : [set]));
  if (hasPlaces) sets.add(byteRange(10)).add(WORD);
  const { classOf, classes } = classify([...sets]);
  const width = classes + 1;
  const accepts = new Uint8Array(code.length * width);
  const kindOf = new Uint8Array(width);
  kindOf[classes] = hasPlaces ? KIND.end : KIND.other;
  for (let byte = 0; byte < 256; byte++) {
    const found = classOf[byte]!;
    if (hasPlaces && byte === 10) kindOf[found] = KIND.newline;
    if (hasPlaces && WORD[byte] === 1) kindOf[found] = KIND.word;
    code.forEach(({ set }, at) => set?.[byte] === 1 && (accepts[at * width + found] = 1));
  }
  return {
    op: Uint8Array.from(code, ({ op }) => op),
    x: Int32Array.from(code, ({ x }) => x),
    y: Int32Array.from(code, ({ y }) => y),
    start,
    classOf,
    classes,
    accepts,
    kindOf,
  };
}

/** Emits instructions back to front: each part gets the instruction that follows it. */
class Compiler {
  readonly code: Instruction[] = [];
  #parts = 0;

  add(instruction: Instruction): number {
    if (this.code.length >= MAX_INSTRUCTIONS) throw tooLarge();
    return this.code.push(instruction) - 1;
  }

  /** Returns the first instruction of a part that continues with `next`. */
  emit(node: Node, next: number): number {
    // Parts without instructions count, too: there could be as many of them.
    if (++this.#parts > 4 * MAX_INSTRUCTIONS) throw tooLarge();
    switch (node.type) {
      case "byte":
        return this.add({ op: OP.byte, x: next, y: 0, set: node.set });
      case "place":
        return this.add({ op: OP.place, x: next, y: PLACES.indexOf(node.place) });
      case "sequence":
        return node.parts.reduceRight((after, part) => this.emit(part, after), next);
      case "choice":
        return node.parts.map((part) => this.emit(part, next)).reduce((x, y) =>
          this.add({ op: OP.fork, x, y })
        );
      case "repeat":
        return this.#repeat(node, next);
    }
  }

  #repeat({ part, min, max }: Extract<Node, { type: "repeat" }>, next: number): number {
    let start = next;
    if (max === Infinity) {
      const fork: Instruction = { op: OP.fork, x: 0, y: next };
      start = this.add(fork);
      fork.x = this.emit(part, start);
    } else {
      for (let i = min; i < max; i++) {
        start = this.add({ op: OP.fork, x: this.emit(part, start), y: next });
      }
    }
    for (let i = 0; i < min; i++) start = this.emit(part, start);
    return start;
  }
}

function tooLarge(): PatternError {
  return new PatternError("the expression is too large after its repetitions are expanded");
}

/** Divides the bytes into classes that no set divides further. */
function classify(sets: readonly ByteSet[]): { classOf: Uint8Array; classes: number } {
  let classOf = new Uint8Array(256);
  let classes = 1;
  for (const set of sets) {
    const found = new Map<number, number>();
    classOf = classOf.map((before, byte) => {
      const key = before * 2 + set[byte]!;
      if (!found.has(key)) found.set(key, found.size);
      return found.get(key)!;
    });
    classes = found.size;
  }
  return { classOf, classes };
}
