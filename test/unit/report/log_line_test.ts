import { assert, assertEquals, assertMatch } from "@std/assert";
import type { ConnectionInfo } from "../../../lib/base/connection_info.ts";
import type { ConnectionEnd } from "../../../lib/connection/observe.ts";
import { endLine, type LogStyle, startLine } from "../../../lib/report/log_line.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const NOW = new Date("2026-11-22T08:39:55.656Z");

const TEXT: LogStyle & { now: Date } = { format: "text", starts: false, time: true, now: NOW };

const INFO: ConnectionInfo = {
  id: 17,
  client: { address: "2001:db8::7", port: 40001 },
  listener: { address: "10.0.0.1", port: 80 },
  state: "open",
  ageMs: 1234,
  idleMs: 5,
  sent: 0,
  rcvd: 0,
};

const END: ConnectionEnd = {
  ...INFO,
  group: 1,
  channel: 2,
  backend: { address: "10.0.0.9", port: 8080 },
  sent: 12,
  rcvd: 3_000_000_000,
  reason: "backend reset",
  failed: [{ group: 0, channel: 0, failure: "refused" }, {
    group: 0,
    channel: 1,
    failure: "no local port",
  }],
  connectMs: 0.41249,
};

t("startLine() and endLine() write key=value pairs without spaces in values", () => {
  assertEquals(
    startLine(INFO, TEXT),
    "time=2026-11-22T08:39:55.656Z type=start id=17 client=[2001:db8::7]:40001 " +
      "listener=10.0.0.1:80",
  );
  assertEquals(
    endLine(END, TEXT),
    "time=2026-11-22T08:39:55.656Z type=end id=17 client=[2001:db8::7]:40001 " +
      "listener=10.0.0.1:80 channel=1.2 backend=10.0.0.9:8080 by=backend reason=backend_reset " +
      "attempts=3 failed=0.0:refused,0.1:no_local_port connect_ms=0.412 duration_ms=1234 " +
      "sent=12 rcvd=3000000000",
  );
}, PURE);

t("endLine() writes - for absent values, and omits the time for syslog", () => {
  assertEquals(
    endLine({ ...INFO, reason: "nothing available", failed: [] }, { ...TEXT, time: false }),
    "type=end id=17 client=[2001:db8::7]:40001 listener=10.0.0.1:80 channel=- backend=- " +
      "by=balance reason=nothing_available attempts=0 failed=- connect_ms=- duration_ms=1234 " +
      "sent=0 rcvd=0",
  );
}, PURE);

t("endLine() writes JSON with the same keys and values", () => {
  assertEquals(JSON.parse(endLine(END, { ...TEXT, format: "json" })), {
    time: "2026-11-22T08:39:55.656Z",
    type: "end",
    id: 17,
    client: "[2001:db8::7]:40001",
    listener: "10.0.0.1:80",
    channel: "1.2",
    backend: "10.0.0.9:8080",
    by: "backend",
    reason: "backend_reset",
    attempts: 3,
    failed: ["0.0:refused", "0.1:no_local_port"],
    connect_ms: 0.412,
    duration_ms: 1234,
    sent: 12,
    rcvd: 3_000_000_000,
  });
}, PURE);

t("endLine() adds the time in the wait line, only for a client that waited", () => {
  const waited = { ...END, waitedMs: 1234.56789 };
  assertEquals(endLine(waited, TEXT), `${endLine(END, TEXT)} waited_ms=1234.568`);
  const json = JSON.parse(endLine(waited, { ...TEXT, format: "json" }));
  assertEquals(json.waited_ms, 1234.568);
  assertEquals("waited_ms" in JSON.parse(endLine(END, { ...TEXT, format: "json" })), false);
}, PURE);

t("endLine() stays below 1000 characters after 1000 failed attempts, and counts them all", () => {
  const failed = Array.from(
    { length: 1000 },
    (_, channel) => ({ group: 0, channel, failure: "refused" } as const),
  );
  const line = endLine({ ...END, failed }, TEXT);
  assertMatch(line, / attempts=1001 /);
  assert(line.length < 1000, `${line.length} characters`);
}, PURE);
