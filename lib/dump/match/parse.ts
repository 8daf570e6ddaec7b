/**
 * Parses regular expressions over bytes, in the syntax of RE2 as far as bytes have it: no lookaround
 * and no back-references, for which there is no search in linear time. Pure.
 */

import { POSIX_SETS, readEscape } from "./escapes.ts";
import {
  bothCases,
  byteRange,
  type ByteSet,
  byteSet,
  characterBytes,
  complement,
  type Node,
  type Place,
  union,
} from "./syntax.ts";

/** Why an expression is invalid. */
export class PatternError extends Error {
  override readonly name = "PatternError";
}

/** `i`: both cases; `m`: `^` and `$` match at lines; `s`: `.` matches a newline. `U`: no effect. */
interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
  readonly U: boolean;
}

const MAX_REPEAT = 1000;
const MAX_DEPTH = 200;
const NEWLINE = 10, BACKSPACE = 8;
const PLACES: Readonly<Record<string, Place>> = {
  "\\A": "text start",
  "\\z": "text end",
  "\\b": "word boundary",
  "\\B": "no word boundary",
};
const UNSUPPORTED: readonly [start: string, what: string][] = [
  ["(?=", "lookahead"],
  ["(?!", "lookahead"],
  ["(?<=", "lookbehind"],
  ["(?<!", "lookbehind"],
  ["(?>", "atomic group"],
  ["(?#", "comment"],
];

/**
 * Parses an expression. The flags `m` and `s` are on. Groups capture nothing, and whether a
 * repetition is lazy makes no difference: the question is only whether there is a match.
 *
 * @throws {PatternError} If it is invalid; the message names the construct.
 */
export function parsePattern(text: string): Node {
  return new Parser(text).parse();
}

class Parser {
  readonly #text: string;
  readonly #names = new Set<string>();
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Node {
    const node = this.#choice({ i: false, m: true, s: true, U: false });
    // Only a parenthesis ends a choice early.
    if (this.#rest !== "") throw new PatternError("unmatched )");
    return node;
  }

  get #rest(): string {
    return this.#text.slice(this.#at);
  }

  /** Alternatives up to `)` or the end. */
  #choice(flags: Flags): Node {
    const parts: Node[] = [];
    let sequence: Node[] = [];
    let now = flags;
    const end = () => {
      parts.push(sequence.length === 1 ? sequence[0]! : { type: "sequence", parts: sequence });
      sequence = [];
    };
    for (let next = this.#peek(); next !== undefined && next !== ")"; next = this.#peek()) {
      const changed = this.#take(/\(\?([imsU]*)(?:-([imsU]+))?\)/y);
      if (changed !== undefined) now = newFlags(now, changed);
      else if (next === "|") {
        this.#at++;
        end();
      } else sequence.push(this.#repeated(this.#atom(now)));
    }
    end();
    return parts.length === 1 ? parts[0]! : { type: "choice", parts };
  }

  /** The repetition after an atom, if any. */
  #repeated(part: Node): Node {
    const found = this.#take(/(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})\??/y);
    if (found === undefined) return part;
    const again = this.#take(/[*+?]|\{\d+(?:,\d*)?\}/y);
    if (again !== undefined) throw new PatternError(`nothing to repeat before ${again[0]}`);
    const [sign, from, comma, to] = found;
    if (from === undefined) {
      return {
        type: "repeat",
        part,
        min: sign[0] === "+" ? 1 : 0,
        max: sign[0] === "?" ? 1 : Infinity,
      };
    }
    const min = Number(from);
    const max = to !== undefined && to !== "" ? Number(to) : comma === undefined ? min : Infinity;
    if (min > MAX_REPEAT || max > MAX_REPEAT && max !== Infinity) {
      throw new PatternError(`the repetition ${sign} is above ${MAX_REPEAT}`);
    }
    if (min > max) throw new PatternError(`the repetition ${sign} is out of order`);
    return { type: "repeat", part, min, max };
  }

  #atom(flags: Flags): Node {
    const next = this.#peek()!;
    switch (next) {
      case "(":
        return this.#group(flags);
      case "[":
        return this.#brackets(flags);
      case ".":
        this.#at++;
        return { type: "byte", set: byteSet((byte) => flags.s || byte !== NEWLINE) };
      case "^":
        this.#at++;
        return { type: "place", place: flags.m ? "line start" : "text start" };
      case "$":
        this.#at++;
        return { type: "place", place: flags.m ? "line end" : "text end" };
      case "\\": {
        const place = this.#take(/\\[AzbB]/y);
        if (place !== undefined) return { type: "place", place: PLACES[place[0]]! };
        const value = this.#escape();
        return { type: "byte", set: withCases(asSet(value), flags) };
      }
    }
    const repetition = this.#take(/[*+?]|\{\d+(?:,\d*)?\}/y);
    if (repetition !== undefined) {
      throw new PatternError(`nothing to repeat before ${repetition[0]}`);
    }
    const character = this.#character();
    if (character.charCodeAt(0) > 0x7f) return characterBytes(character);
    return { type: "byte", set: withCases(byteRange(character.charCodeAt(0)), flags) };
  }

  #group(flags: Flags): Node {
    const rest = this.#rest;
    const unsupported = UNSUPPORTED.find(([start]) => rest.startsWith(start));
    if (unsupported !== undefined) {
      throw new PatternError(`the ${unsupported[1]} ${unsupported[0]} is not supported`);
    }
    const start = this.#take(/\((?:\?(?:P?<(\w+)>|([imsU]*)(?:-([imsU]+))?:))?(?!\?)/y);
    if (start === undefined) throw new PatternError(`${rest.slice(0, 3)} is not supported`);
    const [, name, on, off] = start;
    if (name !== undefined && this.#names.has(name)) {
      throw new PatternError(`two groups have the name ${name}`);
    }
    if (name !== undefined) this.#names.add(name);
    if (++this.#depth > MAX_DEPTH) throw new PatternError("the groups are nested too deeply");
    const node = this.#choice(newFlags(flags, ["", on, off]));
    this.#depth--;
    if (this.#take(/\)/y) === undefined) throw new PatternError("unmatched (");
    return node;
  }

  /** A set in brackets. Characters that are not ASCII become alternatives. */
  #brackets(flags: Flags): Node {
    const isNegated = this.#take(/\[(\^?)/y)![1] === "^";
    const sets: ByteSet[] = [];
    const others: Node[] = [];
    for (let isFirst = true; isFirst || this.#peek() !== "]"; isFirst = false) {
      if (this.#peek() === undefined) throw new PatternError("unmatched [");
      const item = this.#bracketItem();
      if (typeof item === "string") others.push(characterBytes(item));
      else if (typeof item === "number" && this.#take(/-(?!\])/y) !== undefined) {
        sets.push(this.#range(item));
      } else sets.push(asSet(item));
    }
    this.#at++;
    if (isNegated && others.length > 0) {
      throw new PatternError("[^...] allows only ASCII characters and \\x escapes");
    }
    const set = withCases(union(sets), flags);
    const bytes: Node = { type: "byte", set: isNegated ? complement(set) : set };
    return others.length === 0 ? bytes : { type: "choice", parts: [bytes, ...others] };
  }

  /** The range from a byte that was read; its `-` was, too. */
  #range(low: number): ByteSet {
    const high = this.#peek() === undefined ? undefined : this.#bracketItem();
    if (typeof high !== "number") throw new PatternError("a range in [...] has no end");
    if (low > high) throw new PatternError("a range in [...] is out of order");
    return byteRange(low, high);
  }

  /** One item of a set in brackets: a byte, a set, or a character that is not ASCII. */
  #bracketItem(): number | ByteSet | string {
    const posix = this.#take(/\[:(\^?)(\w+):\]/y);
    if (posix !== undefined) {
      const set = POSIX_SETS[posix[2]!];
      if (set === undefined) throw new PatternError(`${posix[0]} is not a character class`);
      return posix[1] === "" ? set : complement(set);
    }
    if (this.#take(/\\b/y) !== undefined) return BACKSPACE;
    if (this.#peek() === "\\") return this.#escape();
    const character = this.#character();
    const code = character.charCodeAt(0);
    return code > 0x7f ? character : code;
  }

  #escape(): number | ByteSet {
    const escape = readEscape(this.#rest);
    if (typeof escape === "string") throw new PatternError(escape);
    this.#at += escape.text.length;
    return escape.value;
  }

  #character(): string {
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at)!);
    this.#at += character.length;
    return character;
  }

  #peek(): string | undefined {
    return this.#text[this.#at];
  }

  /** Takes what a sticky expression matches here. */
  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text) ?? undefined;
    if (found !== undefined) this.#at += found[0].length;
    return found;
  }
}

function newFlags(before: Flags, [, on = "", off = ""]: readonly (string | undefined)[]): Flags {
  const flag = (name: keyof Flags) => (before[name] || on.includes(name)) && !off.includes(name);
  return { i: flag("i"), m: flag("m"), s: flag("s"), U: flag("U") };
}

function asSet(value: number | ByteSet): ByteSet {
  return typeof value === "number" ? byteRange(value) : value;
}

function withCases(set: ByteSet, { i }: Flags): ByteSet {
  return i ? bothCases(set) : set;
}
