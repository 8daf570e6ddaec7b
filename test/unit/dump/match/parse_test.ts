import { assertEquals, assertThrows } from "@std/assert";
import { parsePattern, PatternError } from "../../../../lib/dump/match/parse.ts";
import { compilePattern } from "../../../../lib/dump/match/program.ts";
import { Search } from "../../../../lib/dump/match/search.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const compile = (pattern: string) => compilePattern(parsePattern(pattern));
const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

t("an invalid expression is refused with the construct that is wrong", () => {
  const cases: [pattern: string, reason: string][] = [
    ["(?=a)", "the lookahead (?= is not supported"],
    ["a(?!b)", "the lookahead (?! is not supported"],
    ["(?<=a)", "the lookbehind (?<= is not supported"],
    ["(?<!a)", "the lookbehind (?<! is not supported"],
    ["(?>a)", "the atomic group (?> is not supported"],
    ["(?P=n)", "(?P is not supported"],
    ["(a)\\1", "the back-reference \\1 is not supported"],
    ["(?<n>a)\\k<n>", "the back-reference \\k is not supported"],
    ["\\p{L}", "\\p is not supported: the expression matches bytes"],
    ["\\u1234", "\\u1234 is not a byte"],
    ["\\q", "unknown escape \\q"],
    ["a\\", "trailing backslash"],
    ["*", "nothing to repeat before *"],
    ["a++", "nothing to repeat before +"],
    ["a|{2}", "nothing to repeat before {2}"],
    ["a{2,1}", "the repetition {2,1} is out of order"],
    ["a{1001}", "the repetition {1001} is above 1000"],
    ["(a", "unmatched ("],
    ["a)", "unmatched )"],
    ["[a", "unmatched ["],
    ["[]", "unmatched ["],
    ["[z-a]", "a range in [...] is out of order"],
    ["[a-\\d]", "a range in [...] has no end"],
    ["[[:letter:]]", "[:letter:] is not a character class"],
    ["[^é]", "[^...] allows only ASCII characters and \\x escapes"],
    ["(?<n>a)(?<n>b)", "two groups have the name n"],
    ["(".repeat(100_000), "the groups are nested too deeply"],
  ];
  for (const [pattern, reason] of cases) {
    assertThrows(() => compile(pattern), PatternError, reason, pattern.slice(0, 50));
  }
}, PURE);

t("an expression that would take too much memory is refused at once", () => {
  const giants = [
    "((a{1000}){1000})",
    "((((){1000}){1000}){1000}){1000}",
    "(a?){1000}{2}",
    "(\\w|é){1000}",
  ];
  for (const pattern of giants) assertThrows(() => compile(pattern), PatternError, "", pattern);
  assertThrows(() => compile(giants[0]!), PatternError, "the expression is too large");
  compile("(a.{998}b)");
}, PURE);

t("the syntax of RE2 for bytes", () => {
  const cases: [pattern: string, matches: string, others: string][] = [
    ["[]a]", "]", "b"],
    ["[a\\-z]", "-", "b"],
    ["[a-]", "-", "b"],
    ["[^a-c\\d]", "d", "b"],
    ["[[:alpha:][:^ascii:]]", "\xff", "1"],
    ["[\\b]", "\b", "b"],
    ["[é]x", "\xc3\xa9x", "\xe9x"],
    ["\\x41\\x{42}\\u0043\\cJ\\0", "ABC\n\0", "ABC\n"],
    ["\\t\\n\\v\\f\\r\\a", "\t\n\v\f\r\x07", "tnvfra"],
    ["\\.\\/\\-\\[", "./-[", "x/-["],
    ["a{2}", "aa", "aba"],
    ["^a{1,2}$", "aa", "aaa"],
    ["^a{2,}?$", "aaa", "a"],
    ["^a{,2}$", "a{,2}", "aa"],
    ["{", "{", "}"],
    ["(?P<x>a)(?<y>b)", "ab", "a"],
    ["(?i)aé[b-d]", "A\xc3\xa9C", "B\xc3\xa9C"],
    ["a(?i)b|c", "C", "Ab"],
    ["(?i:a)b", "Ab", "AB"],
    ["(?-s:a.b)", "axb", "a\nb"],
    ["a.b", "a\nb", "ab"],
    ["(?-m:^b)", "b", "a\nb"],
    ["(?U)a+", "a", "b"],
    ["\\Ab", "b", "\nb"],
    ["b\\z", "b", "b\n"],
    ["\\bb\\b", "a b", "ab"],
    ["\\Bb", "ab", "a b"],
  ];
  for (const [pattern, matches, others] of cases) {
    const search = new Search(compile(pattern));
    assertEquals(search.finds(bytes(matches)), true, `${pattern} and ${matches}`);
    assertEquals(search.finds(bytes(others)), false, `${pattern} and ${others}`);
  }
}, PURE);
