import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import type { ConnectionRoute } from "../../../lib/base/connection_info.ts";
import { UsageError } from "../../../lib/base/errors.ts";
import {
  parseByteLimit,
  parseChannelFilter,
  parseDumpFilter,
  snapChunk,
  wantsConnection,
} from "../../../lib/dump/filter.ts";
import { CIDR_CASES, INVALID_CIDRS } from "../../helpers/cidr_cases.ts";
import { assertRefused } from "../../helpers/dump/assert_refused.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const bytes = (text: string) => new TextEncoder().encode(text);

/** A connection without a channel so far. */
const UNKNOWN: ConnectionRoute = {
  id: 1,
  client: { address: "10.0.0.1", port: 1 },
  listener: { address: "10.0.0.2", port: 2 },
};

t("parseDumpFilter() matches the clients in a range and no others", () => {
  for (const { range, address, isIn } of CIDR_CASES) {
    const connection = { ...UNKNOWN, client: { address, port: 1 } };
    const filter = parseDumpFilter({ client: range });
    assertEquals(wantsConnection(filter, connection), isIn, `${address} in ${range}`);
  }
  const nonsense = { ...UNKNOWN, client: { address: "nonsense", port: 1 } };
  assert(!wantsConnection(parseDumpFilter({ client: "0.0.0.0/0" }), nonsense));
}, PURE);

t("parseDumpFilter() refuses an invalid range of clients with its text and the reason", () => {
  for (const { range, reason } of INVALID_CIDRS) {
    const error = assertThrows(() => parseDumpFilter({ client: range }), UsageError);
    assertEquals(error.message, `invalid range [${range}]: ${reason}`);
  }
}, PURE);

t("parseChannelFilter() matches exactly one channel, and refuses an invalid one", () => {
  assert(parseChannelFilter("0.1")("0.1"));
  assert(parseChannelFilter("00.01")("0.1"));
  assert(!parseChannelFilter("0.1")("0.10"));
  assert(!parseChannelFilter("0.1")("1.0"));
  assertRefused(parseChannelFilter, ["", "1", "0.", ".1", "a.b", "0.-1", "0.1.2", "0.1 "]);
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
  const known = { ...UNKNOWN, group: 0, channel: 1 };
  const wants = (options: Parameters<typeof parseDumpFilter>[0]) => {
    const filter = parseDumpFilter(options);
    return [wantsConnection(filter, UNKNOWN), wantsConnection(filter, known)];
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
