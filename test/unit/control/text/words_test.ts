import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../../lib/base/errors.ts";
import { splitCommands, splitQuotedWords, splitWords } from "../../../../lib/control/text/words.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("splitWords: quotes are ordinary characters", () => {
  assertEquals(splitWords(` create "a b'\t80\n`), ["create", '"a', "b'", "80"]);
  assertEquals(splitWords(" \t"), []);
}, PURE);

t("splitQuotedWords removes quotes around a word; in double quotes a backslash escapes", () => {
  const cases: [string, string[]][] = [
    [`on /tmp/x match "GET /a b" side both`, ["on", "/tmp/x", "match", "GET /a b", "side", "both"]],
    [`match 'GET /a  b'`, ["match", "GET /a  b"]],
    [`"say \\"hi\\"" "back\\\\slash" "\\d+\\x00"`, [`say "hi"`, "back\\slash", "\\d+\\x00"]],
    [`'no \\escape\\'`, ["no \\escape\\"]],
    [`'' ""`, ["", ""]],
    [`{"id":1} it's GET\\s a"b`, [`{"id":1}`, "it's", "GET\\s", `a"b`]],
    [`"a'b" 'a"b' 'a;b'`, ["a'b", `a"b`, "a;b"]],
    [`"ends with \\\\" 'x'`, ["ends with \\", "x"]],
    ["", []],
  ];
  for (const [text, words] of cases) assertEquals(splitQuotedWords(text), words, text);
}, PURE);

t("splitQuotedWords: a missing closing quote is an error", () => {
  for (const text of [`match "GET /a`, `match 'a`, `"`, `'`, `"a"b`, `"a\\"`, `'a''`]) {
    assertThrows(() => splitQuotedWords(text), UsageError, "missing closing quote: ", text);
  }
}, PURE);

t("splitCommands splits at semicolons outside of quoted words", () => {
  const cases: [string, string[]][] = [
    ["show", ["show"]],
    ["disable 0; show ;", ["disable 0", " show ", ""]],
    [`dump on /x match "a;b";show`, [`dump on /x match "a;b"`, "show"]],
    [`dump on /x match 'a;b' ; 'c;d';e`, [`dump on /x match 'a;b' `, " 'c;d'", "e"]],
    [`"a\\";b" c`, [`"a\\";b" c`]],
    // These are no quoted words.
    [`it's; that's`, ["it's", " that's"]],
    [`match "a;b`, [`match "a`, "b"]],
    ["", [""]],
  ];
  for (const [text, commands] of cases) assertEquals(splitCommands(text), commands, text);
}, PURE);

t("splitQuotedWords and splitCommands take linear time", () => {
  for (const text of [`"`.repeat(1e5), `"\\`.repeat(1e5), `'" `.repeat(1e5)]) {
    const before = performance.now();
    splitCommands(text);
    try {
      splitQuotedWords(text);
    } catch { /* a missing quote */ }
    assertEquals(performance.now() - before < 5000, true);
  }
}, PURE);
