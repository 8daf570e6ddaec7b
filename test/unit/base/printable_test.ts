import { assertEquals } from "@std/assert";
import {
  decodedText,
  parsePrintableJson,
  printable,
  shortened,
} from "../../../lib/base/printable.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("printable() escapes control characters and those that change the direction of text", () => {
  assertEquals(printable("\x1b[2J\r\n\t\x7f\x85"), "\\x1b[2J\\x0d\\x0a\\x09\\x7f\\x85");
  assertEquals(printable("a\u202eb\u2028\u2069"), "a\\u202eb\\u2028\\u2069");
  assertEquals(printable("münchen 例え 😀"), "münchen 例え 😀");
  assertEquals(printable("a\tb\r\n", { lines: true }), "a\tb\\x0d\n");
}, PURE);

t("decodedText() escapes each byte that is not UTF-8", () => {
  const cases: [bytes: number[], text: string][] = [
    [[0x00, 0x01, 0x02, 0xff, 0x1b, 0x41], "\0\x01\x02\\xff\x1bA"],
    [[0x80, 0x80, 0x41, 0xbf], "\\x80\\x80A\\xbf"],
    // Cut off, overlong, a surrogate, above U+10FFFF.
    [[0xc3, 0x41, 0xe2, 0x82], "\\xc3A\\xe2\\x82"],
    [[0xc0, 0x80, 0xed, 0xa0, 0x80], "\\xc0\\x80\\xed\\xa0\\x80"],
    [[0xf4, 0x90, 0x80, 0x80], "\\xf4\\x90\\x80\\x80"],
  ];
  for (const [bytes, text] of cases) assertEquals(decodedText(Uint8Array.from(bytes)), text);
  const valid = "\ufeffmünchen 例え 😀 \ufffd\0";
  assertEquals(decodedText(new TextEncoder().encode(valid)), valid);
}, PURE);

t("parsePrintableJson() escapes control characters in strings", () => {
  const text = String.raw`{"a":["\u001b[2J",7],"b":{"c":"\u009b"}}`;
  assertEquals(parsePrintableJson(text), { a: ["\\x1b[2J", 7], b: { c: "\\x9b" } });
}, PURE);

t("shortened() keeps the start and the end of a long message", () => {
  assertEquals(shortened("x".repeat(1000)), "x".repeat(1000));
  const short = shortened(`invalid [${"x".repeat(100_000)}]: the reason`);
  assertEquals([short.length, short.slice(0, 9), short.slice(-13)], [
    903,
    "invalid [",
    "]: the reason",
  ]);
}, PURE);
