import { assertEquals } from "@std/assert";
import { parseMatch } from "../../../../lib/dump/match/chunk_match.ts";
import { randomBytes } from "../../../helpers/bytes.ts";
import { assertRefused } from "../../../helpers/dump/assert_refused.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const bytes = (text: string) => new TextEncoder().encode(text);

t("parseMatch() matches bytes: all values, case, and line starts and ends", () => {
  const cases: [pattern: string, chunk: Uint8Array, found: boolean][] = [
    ["GET", bytes("xGETx"), true],
    ["get", bytes("GET"), false],
    ["(?i:get)", bytes("GET"), true],
    ["\\x80.\\xff", Uint8Array.of(0x80, 0x0a, 0xff), true],
    ["\\x80", bytes("€"), false],
    ["\\u0080", Uint8Array.of(0x80), true],
    ["é", bytes("café"), true],
    ["é+$", bytes("éé"), true],
    ["^EHLO", bytes("x\r\nEHLO y"), true],
    ["^EHLO", bytes("xEHLO"), false],
    ["", bytes("x"), true],
    ["x*", bytes("y"), true],
    ["z$", randomBytes(100_000, 1).fill(0x7a, 99_999), true],
  ];
  for (const [pattern, chunk, found] of cases) {
    assertEquals(parseMatch(pattern)()("client", chunk), found, pattern);
  }
}, PURE);

t("parseMatch() finds a match across chunks, once, separately in each direction", () => {
  const match = parseMatch("SECRET")();
  const seen = (direction: "client" | "backend", ...chunks: string[]) =>
    chunks.map((chunk) => match(direction, bytes(chunk)));
  assertEquals(seen("client", "SE", "CR"), [false, false]);
  assertEquals(seen("backend", "ET"), [false]);
  assertEquals(seen("client", "ET", "x", "SECRET", "x"), [true, false, true, false]);
  // Another connection has its own state.
  const another = parseMatch("SECRET");
  another()("client", bytes("SEC"));
  assertEquals(another()("client", bytes("RET")), false);
  // A match may reach back at most 1024 bytes.
  const far = parseMatch("a.*b")();
  assertEquals(
    ["a", "x".repeat(1023), "b"].map((chunk) => far("client", bytes(chunk))),
    [false, false, true],
  );
  const tooFar = parseMatch("a.*b")();
  assertEquals(
    ["a", "x".repeat(1024), "b"].map((chunk) => tooFar("client", bytes(chunk))),
    [false, false, false],
  );
}, PURE);

t("parseMatch() refuses an invalid regular expression and names it", () => {
  assertRefused(parseMatch, ["(", "[", "a{2,1}", "*", "(?<n>a)(?<n>b)"]);
}, PURE);
