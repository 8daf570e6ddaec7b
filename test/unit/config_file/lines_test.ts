import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { configLines } from "../../../lib/config_file/lines.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const bytes = (text: string) => new TextEncoder().encode(text);
const words = (text: string) =>
  configLines(bytes(text), "web.conf").map(({ line, word, rest }) => [line, word, rest]);

t("configLines() separates the first word from the rest, and drops comments and blanks", () => {
  assertEquals(words(""), []);
  assertEquals(words("\n \t \n#x\n  # x"), []);
  assertEquals(words("!\n\nlisten 80"), [[1, "!", ""], [3, "listen", "80"]]);
  assertEquals(words("\t wait \t 5:10 \t\n"), [[1, "wait", "5:10"]]);
  assertEquals(words("command a  b\tc"), [[1, "command", "a  b\tc"]]);
  assertEquals(words("debug#1 x#2 #3\n"), [[1, "debug#1", "x#2"]]);
  assertEquals(words("a\t#x\nwait #5\n"), [[1, "a", ""], [2, "wait", ""]]);
  assertEquals(words("check send:é\u2028\u00a0x"), [[1, "check", "send:é\u2028\u00a0x"]]);
}, PURE);

t("configLines() names the line that is not text as written on Unix", () => {
  const cases: [string | Uint8Array<ArrayBuffer>, string][] = [
    ["\uFEFFlisten 80\n", "1: starts with a byte order mark, remove it"],
    ["a\nb\0\n", "2: contains a null byte, so this is not a text file"],
    ["a\r\n", "1: contains a carriage return: lines end with LF, not CR LF"],
    ["a\rb", "1: contains a carriage return: lines end with LF, not CR LF"],
    [new Uint8Array([97, 10, 10, 0xff, 10]), "3: not UTF-8 text"],
    // A character whose last byte is in the next line.
    [new Uint8Array([0xc3, 10, 0xa9]), "1: not UTF-8 text"],
  ];
  for (const [text, reason] of cases) {
    const content = typeof text === "string" ? bytes(text) : text;
    const { message, exitCode } = assertThrows(() => configLines(content, "web.conf"), UsageError);
    assertEquals([message, exitCode], [`balance: web.conf:${reason}`, 64]);
  }
}, PURE);
