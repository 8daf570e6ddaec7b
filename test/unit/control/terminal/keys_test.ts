import { assertEquals } from "@std/assert";
import { keyDecoder } from "../../../../lib/control/terminal/keys.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const encoder = new TextEncoder();

/** The names of the keys in a text that arrives at once. */
function names(text: string): string {
  const decoder = keyDecoder();
  return [...decoder.push(encoder.encode(text)), ...decoder.flush()].map(({ name }) => name)
    .join(" ");
}

t("bytes become keys: characters, control characters, and sequences of terminals", () => {
  const cases: Readonly<Record<string, string>> = {
    "aZ ~": "a Z space ~",
    "\x01\x03\x1a\x12": "ctrl-a ctrl-c ctrl-z ctrl-r",
    "\t\r\x7f\b": "tab enter backspace backspace",
    "\r\n\n\r": "enter enter enter",
    "\x1b[A\x1b[B\x1bOC\x1b[D": "up down right left",
    "\x1b[H\x1bOF\x1b[1~\x1b[4~\x1b[7~\x1b[8~": "home end home end home end",
    "\x1b[3~\x1b[5~\x1b[6~": "delete pageup pagedown",
    "\x1b[1;5C\x1b[1;3D\x1b[1;2A": "ctrl-right meta-left up",
    "\x1bb\x1bf\x1b\x7f\x1b<": "meta-b meta-f meta-backspace meta-<",
    "\x1b": "escape",
    "\x1b\x1b[A": "meta-up",
    "\x1b[200~x\x1b[99z": "unknown x unknown",
    "\x1b[": "meta-[",
    "é日\u{1f600}": "é 日 \u{1f600}",
    "\x9b": "unknown",
    "": "",
  };
  for (const [text, expected] of Object.entries(cases)) {
    assertEquals(names(text), expected, JSON.stringify(text));
  }
}, PURE);

t("keys are the same in whatever pieces their bytes arrive", () => {
  const bytes = encoder.encode("a\x1b[1;5C\x1bOAé\u{1f600}\x1b[3~\r\nz");
  const expected = "a ctrl-right up é \u{1f600} delete enter z";
  for (let size = 1; size <= bytes.length; size++) {
    const decoder = keyDecoder(), found: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      found.push(...decoder.push(bytes.subarray(at, at + size)).map(({ name }) => name));
    }
    assertEquals([found.join(" "), decoder.pending], [expected, false]);
  }
}, PURE);

t("Esc alone is known only when nothing follows it; a sequence without end is no key", () => {
  const decoder = keyDecoder();
  assertEquals(decoder.push(encoder.encode("\x1b")), []);
  assertEquals(decoder.pending, true);
  assertEquals(decoder.flush(), [{ name: "escape" }]);
  assertEquals(decoder.pending, false);
  decoder.push(encoder.encode(`\x1b[${"1".repeat(1000)}`));
  assertEquals(decoder.pending, false);
}, PURE);

t("any bytes are decoded without an error", () => {
  const decoder = keyDecoder();
  const bytes = new Uint8Array(10_000);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 7919 + (i >> 3)) % 256;
  for (let at = 0; at < bytes.length; at += 13) decoder.push(bytes.subarray(at, at + 13));
  decoder.flush();
  assertEquals(decoder.pending, false);
}, PURE);
