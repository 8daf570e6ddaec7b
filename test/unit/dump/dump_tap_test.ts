import type { Reason } from "../../../lib/base/reason.ts";
import type { Tap } from "../../../lib/connection/observe.ts";
import type { ConnectionInfo } from "../../../lib/base/connection_info.ts";
import { assertEquals } from "@std/assert";
import { t } from "../../helpers/t.ts";
import {
  accepted,
  answered,
  ONE_CONNECTION,
  oneConnection,
  recorded,
} from "../../helpers/dump/dump_records.ts";

const PURE = { permissions: "none" } as const;

const bytes = (text: string) => new TextEncoder().encode(text);

t("dumpTaps() records a connection from accept to close", () => {
  assertEquals(recorded({}, oneConnection), ONE_CONNECTION);
}, PURE);

t("dumpTaps() makes no tap for a connection that the client or connection filter excludes", () => {
  assertEquals(recorded({ client: "10.0.0.0/24" }, oneConnection), ONE_CONNECTION);
  assertEquals(recorded({ connection: "1" }, oneConnection), ONE_CONNECTION);
  for (const filter of [{ client: "10.0.1.0/24" }, { connection: "2" }]) {
    recorded(filter, (tapOf) => assertEquals(tapOf(accepted(1)), undefined));
  }
}, PURE);

t("dumpTaps() with a channel filter holds records back until the channel is known", () => {
  assertEquals(recorded({ channel: "0.1" }, oneConnection), ONE_CONNECTION);
  assertEquals(recorded({ channel: "0.0" }, oneConnection), []);
  // No channel answered, so the connection never matches the filter.
  const failed = recorded({ channel: "0.1" }, (tapOf) => {
    const tap = tapOf(accepted(1, { group: 0, channel: 1 }));
    tap?.event("refused");
    tap?.closed("connect failed");
  });
  assertEquals(failed, []);
}, PURE);

t("dumpTaps() with a match records only matching chunks, and the length of skipped ones", () => {
  const chunks = ["aaa", "bbbb", "aXa", "cc", "Xd"];
  const story = (tapOf: (subject: ConnectionInfo) => Tap | undefined) => {
    oneConnection(tapOf, 2);
    const tap = tapOf(accepted(1));
    tap?.connected(answered(1));
    for (const [i, chunk] of chunks.entries()) {
      void tap?.chunk(i % 2 === 0 ? "client" : "backend", bytes(chunk));
    }
    tap?.closed("closed by control");
  };
  assertEquals(recorded({ match: "X" }, story), [
    "#1 open",
    "#1 connected",
    "#1 skip client 3",
    "#1 skip backend 4",
    "#1 client aXa",
    "#1 skip backend 2",
    "#1 client Xd",
    "#1 closed by control",
    "#1 close",
  ]);
}, PURE);

t("dumpTaps() matches the full chunk before it cuts it", () => {
  const cut = recorded({ bytes: "2", match: "o" }, oneConnection);
  assertEquals(cut.filter((record) => /(client|backend) \w+\//.test(record)), [
    "#1 client he/5",
    "#1 backend wo/5",
  ]);
}, PURE);

t("dumpTaps() records when it starts in the middle of an open connection", () => {
  const records = recorded({ channel: "0.1" }, (tapOf) => {
    const subject = answered(1, { ageMs: 61_500, sent: 10, rcvd: 20 });
    const tap = tapOf(subject);
    tap?.connected(subject);
    void tap?.chunk("client", bytes("x"));
  });
  assertEquals(records, [
    "#1 dump started 61.500 s after the connection, after 10 bytes from the client, 20 from the backend",
    "#1 connected",
    "#1 client x",
  ]);
}, PURE);

t("dumpTaps() records every reason once: as an event, unless another record shows it", () => {
  const shownBy: Record<Reason, "event" | "end records" | "event of the idle timeout"> = {
    "client closed": "end records",
    "backend closed": "end records",
    "client reset": "end records",
    "backend reset": "end records",
    "idle limit": "event of the idle timeout",
    "client left": "event",
    "connect failed": "event",
    "nothing available": "event",
    "closed by control": "event",
    "drained": "event",
    "wait timeout": "event",
    "line full": "event",
    "denied": "event",
    "client limit": "event",
    "client rate": "event",
    "bad proxy header": "event",
    "backend down": "event",
    "shutdown": "event",
  };
  for (const [reason, record] of Object.entries(shownBy) as [Reason, string][]) {
    const records = recorded({}, (tapOf) => tapOf(accepted(1))?.closed(reason));
    const event = record === "event" ? [`#1 ${reason}`] : [];
    assertEquals(records, ["#1 open", ...event, "#1 close"], reason);
  }
}, PURE);
