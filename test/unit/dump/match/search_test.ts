import { assert, assertEquals } from "@std/assert";
import { parsePattern } from "../../../../lib/dump/match/parse.ts";
import { compilePattern } from "../../../../lib/dump/match/program.ts";
import { Search } from "../../../../lib/dump/match/search.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const compile = (pattern: string) => compilePattern(parsePattern(pattern));
const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Numbers below a limit, always the same ones. */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % limit;
  };
}

/** A small expression that JavaScript has, too. */
function randomPattern(random: (limit: number) => number, depth = 4): string {
  const pick = (values: readonly string[]) => values[random(values.length)]!;
  const inner = () => randomPattern(random, depth - 1);
  switch (random(depth > 0 ? 10 : 4)) {
    case 0:
      return pick(["a", "b", "\\n", "\\x00", "\\xff", "-", "_", " "]);
    case 1:
      return pick(["\\w", "\\d", "[ab]", "[^a]", "[a-c\\d]", ".", "(?:)"]);
    case 2:
      return pick(["^", "$", "\\b", "\\B"]);
    case 3:
      return pick(["a", "b"]);
    case 4:
    case 5:
      return inner() + inner();
    case 6:
      return `(?:${inner()}|${inner()})`;
    case 7:
      return `(?:${inner()})${pick(["*", "+", "?", "{2}", "{1,2}", "{2,}", "{0}", "*?", "+?"])}`;
    default:
      return `(${inner()}${inner()})`;
  }
}

/** Whether a match ends at an index or later, according to JavaScript. */
function endsAt(pattern: string, text: string, from: number): boolean {
  for (let end = from; end <= text.length; end++) {
    for (let start = 0; start <= end; start++) {
      const here = `(?<![^])[^]{${start}}(?=(?:${pattern})(?<=(?<![^])[^]{${end}}))`;
      if (new RegExp(here, "ms").test(text)) return true;
    }
  }
  return false;
}

t("a search finds what a RegExp finds, also when its table is too small or of no use", () => {
  const random = numbers(7);
  for (let round = 0; round < 400; round++) {
    const pattern = randomPattern(random);
    const program = compile(pattern);
    const searches = [new Search(program), new Search(program, { maxStates: 3 })];
    const expected = new RegExp(pattern, "ms");
    for (let i = 0; i < 5; i++) {
      const text = Array.from({ length: random(12) }, () => "aabbc\n _1-\0\xff"[random(12)]).join(
        "",
      );
      const from = random(text.length + 1);
      const what = JSON.stringify([pattern, text, from]);
      for (const search of searches) {
        assertEquals(search.finds(bytes(text)), expected.test(text), what);
        assertEquals(search.finds(bytes(text), { from }), endsAt(pattern, text, from), what);
      }
    }
  }
}, PURE);

t("the last byte of a cut text only shows what follows", () => {
  const search = new Search(compile("a$|b\\b"));
  const cut = (text: string) => search.finds(bytes(text), { isCut: true });
  assertEquals(["a\n", "ax", "a", "b ", "bx", "xa"].map(cut), [
    true,
    false,
    false,
    true,
    false,
    false,
  ]);
}, PURE);

t("expressions for which backtracking takes forever are searched in linear time", () => {
  const attack = bytes("a".repeat(1 << 18) + "b");
  for (
    const pattern of ["(a+)+$", "(a|aa)+$", "(.*a){20}c", "(a*)*c", "([ab]+)*[cd]", "(x+x+)+y"]
  ) {
    const search = new Search(compile(pattern));
    const before = performance.now();
    assertEquals(search.finds(attack), false, pattern);
    assert(performance.now() - before < 5000, pattern);
  }
}, PURE);

t("an expression with too many states is searched without them, and exactly", () => {
  const random = numbers(3);
  const text = bytes(Array.from({ length: 50_000 }, () => "ab"[random(2)]).join(""));
  const search = new Search(compile("[ab]*a[ab]{20}c"));
  assertEquals(search.finds(text), false);
  text[40_000] = 0x63;
  text[40_000 - 21] = 0x61;
  assertEquals(search.finds(text), true);
}, PURE);

t("a search that takes too long gives up and reports a match", () => {
  const random = numbers(3);
  const text = bytes(Array.from({ length: 100_000 }, () => "ab"[random(2)]).join(""));
  const program = compile("[ab]*a[ab]{900}[cd]");
  const before = performance.now();
  assertEquals(new Search(program, { maxEffort: 1e5 }).finds(text), true);
  assertEquals(new Search(program).finds(text), true);
  assert(performance.now() - before < 5000);
  assertEquals(new Search(program).finds(text.subarray(0, 1000)), false);
}, PURE);
