import { assertEquals } from "@std/assert";
import {
  connectTimedOut,
  hasLeft,
  idleTimedOut,
  isSlowDial,
} from "../../../lib/connection/timeouts.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("the connect timeout ends an attempt at its limit", () => {
  const limits = { connectTimeoutMs: 2000, idleTimeoutMs: 0 };
  assertEquals(connectTimedOut(limits, { since: 100, now: 2099 }), false);
  assertEquals(connectTimedOut(limits, { since: 100, now: 2100 }), true);
}, PURE);

t("the idle timeout ends a connection after its limit, and 0 means none", () => {
  const limits = { connectTimeoutMs: 1, idleTimeoutMs: 1000 };
  assertEquals(idleTimedOut(limits, { since: 0, now: 1000 }), false);
  assertEquals(idleTimedOut(limits, { since: 0, now: 1001 }), true);
  assertEquals(idleTimedOut({ ...limits, idleTimeoutMs: 0 }, { since: 0, now: 1e9 }), false);
}, PURE);

t(
  "a slow dial is watched after 100 ms, and a client that half-closed has left after 300 ms",
  () => {
    assertEquals([99, 100].map((now) => isSlowDial({ since: 0, now })), [false, true]);
    assertEquals([299, 300].map((now) => hasLeft({ since: 0, now })), [false, true]);
  },
  PURE,
);
