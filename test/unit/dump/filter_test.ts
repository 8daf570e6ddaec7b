import type { ConnectionRoute } from "../../../lib/base/connection_info.ts";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  parseByteLimit,
  parseChannelFilter,
  parseClientRange,
  parseDumpFilter,
  parseMatch,
  snapChunk,
  wantsConnection,
} from "../../../lib/dump/filter.ts";
import { randomBytes } from "../../helpers/bytes.ts";
import { t } from "../../helpers/t.ts";
import { assertRefused } from "../../helpers/dump/assert_refused.ts";

const PURE = { permissions: "none" } as const;

const bytes = (text: string) => new TextEncoder().encode(text);

t("parseClientRange() matches addresses inside the range only", () => {
  const cases: [range: string, inside: string[], outside: string[]][] = [
    ["10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["11.0.0.0", "9.255.255.255", "::a00:1"]],
    ["10.1.2.3/8", ["10.9.9.9"], ["11.1.2.3"]],
    ["192.168.1.7", ["192.168.1.7", "::ffff:192.168.1.7"], ["192.168.1.6"]],
    ["192.168.1.4/31", ["192.168.1.4", "192.168.1.5"], ["192.168.1.3", "192.168.1.6"]],
    ["172.16.0.0/12", ["172.31.255.255"], ["172.32.0.0", "172.15.255.255"]],
    ["0.0.0.0/0", ["1.2.3.4", "255.255.255.255"], ["::1"]],
    ["::/0", ["::", "2001:db8::1"], ["1.2.3.4", "::ffff:1.2.3.4"]],
    ["::1", ["::1"], ["::2", "0.0.0.1"]],
    ["2001:db8::/33", ["2001:db8:7fff::"], ["2001:db8:8000::"]],
    ["fe80::/10", ["febf::1"], ["fec0::1"]],
    ["::ffff:10.0.0.0/104", ["10.1.2.3", "::ffff:10.1.2.3"], ["11.0.0.1", "::1"]],
  ];
  for (const [range, inside, outside] of cases) {
    const isIn = parseClientRange(range);
    for (const address of inside) assert(isIn(address), `${address} is in ${range}`);
    for (const address of outside) assert(!isIn(address), `${address} is not in ${range}`);
  }
  assert(!parseClientRange("0.0.0.0/0")("nonsense"));
}, PURE);

t("parseClientRange() refuses an invalid range and names it", () => {
  assertRefused(parseClientRange, [
    "",
    "/8",
    "10/8",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "10.0.0.0/0x8",
    "10.0.0.256",
    "010.0.0.1",
    "::/129",
    ":::",
    "localhost",
    "[::1]",
    " 10.0.0.1",
  ]);
}, PURE);

t("parseChannelFilter() matches exactly one channel, and refuses an invalid one", () => {
  assert(parseChannelFilter("0.1")("0.1"));
  assert(parseChannelFilter("00.01")("0.1"));
  assert(!parseChannelFilter("0.1")("0.10"));
  assert(!parseChannelFilter("0.1")("1.0"));
  assertRefused(parseChannelFilter, ["", "1", "0.", ".1", "a.b", "0.-1", "0.1.2", "0.1 "]);
}, PURE);

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

t("snapChunk() keeps the first bytes and the original length", () => {
  const chunk = { direction: "client", bytes: bytes("0123456789"), time: 1 } as const;
  assertStrictEquals(snapChunk(chunk, undefined), chunk);
  assertStrictEquals(snapChunk(chunk, 10), chunk);
  assertEquals(snapChunk(chunk, 3), { ...chunk, bytes: bytes("012"), length: 10 });
  assertEquals(snapChunk({ ...chunk, length: 99 }, 0), { ...chunk, bytes: bytes(""), length: 99 });
  assertEquals(parseByteLimit("0"), 0);
  assertEquals(parseByteLimit("100"), 100);
  assertRefused(parseByteLimit, ["", "-1", "1k", "1.5", "99999999999", "0x10", "+1"]);
}, PURE);

t("wantsConnection() checks client and channel; an unknown channel never matches", () => {
  const unknown: ConnectionRoute = {
    id: 1,
    client: { address: "10.0.0.1", port: 1 },
    listener: { address: "10.0.0.2", port: 2 },
  };
  const known = { ...unknown, group: 0, channel: 1 };
  const wants = (options: Parameters<typeof parseDumpFilter>[0]) => {
    const filter = parseDumpFilter(options);
    return [wantsConnection(filter, unknown), wantsConnection(filter, known)];
  };
  assertEquals(parseDumpFilter({}), {});
  assertEquals(wants({}), [true, true]);
  assertEquals(wants({ client: "10.0.0.0/8" }), [true, true]);
  assertEquals(wants({ client: "11.0.0.0/8" }), [false, false]);
  assertEquals(wants({ channel: "0.1" }), [false, true]);
  assertEquals(wants({ channel: "0.2" }), [false, false]);
  assertEquals(wants({ client: "11.0.0.0/8", channel: "0.1" }), [false, false]);
  assertEquals(parseDumpFilter({ bytes: "5" }).bytes, 5);
}, PURE);
