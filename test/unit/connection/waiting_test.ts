/** Connections in the wait line, in the moments in which they get a channel or leave. */

import { assertEquals } from "@std/assert";
import type { DialFailure, Reason } from "../../../lib/base/reason.ts";
import { Connection } from "../../../lib/connection/connection.ts";
import type { AcceptedLink } from "../../../lib/engine/engine.ts";
import { newTable, Table } from "../../../lib/table/table.ts";
import { newLine } from "../../../lib/wait_line/line_memory.ts";
import { WaitLine } from "../../../lib/wait_line/wait_line.ts";
import { connectionContext } from "../../helpers/connection/connection_context.ts";
import { runConnection } from "../../helpers/connection/run_connection.ts";
import { DEFAULT_PASSIVE } from "../../helpers/connection/passive_rules.ts";
import { dialsWith } from "../../helpers/engine/awaited.ts";
import { t, until } from "../../helpers/t.ts";

const CLIENT: AcceptedLink = {
  remote: { address: "10.0.0.1", port: 1 },
  local: { address: "10.0.0.2", port: 2 },
  close() {},
};

/** A connection that waits for the only channel, which another isolate has. */
function waiting({ failures = [] }: { failures?: DialFailure[] } = {}) {
  const table = newTable({ groups: 1, channels: 1, workers: 2 }), handle = newLine(10);
  table.add(0, { address: Uint8Array.of(127, 0, 0, 1), port: 80, maxc: 1 });
  const line = new WaitLine({ table, handle, hashFailover: false, wake() {} });
  const other = new Table(table.handle, 1), woken: number[] = [];
  new WaitLine({ table: other, handle, hashFailover: false, wake: (one) => void woken.push(one) });
  const held = other.enter(0, 0);
  let dials = 0;
  const ends: [Reason, boolean][] = [], waits: number[] = [];
  const context = connectionContext(table, {
    engine: {
      ...dialsWith(() => failures[Math.min(dials++, failures.length - 1)] ?? "refused"),
      readAhead() {},
    },
    waiting: { line, waitMs: 60_000 },
    options: {
      connectTimeoutMs: 1000,
      idleTimeoutMs: 0,
      hashFailover: false,
      autoDisable: false,
      passive: { ...DEFAULT_PASSIVE, rests: true },
    },
    monitor: {
      waited: (ms) => void waits.push(ms),
      ended: ({ reason, waitedMs }) => void ends.push([reason, waitedMs !== undefined]),
    },
  });
  const connection = new Connection(CLIENT, context), done = runConnection(connection);
  return {
    table,
    line,
    connection,
    done: done.finally(() => context.clock.stop()),
    ends,
    waits,
    woken,
    /** The other isolate's connection ends. */
    release: () => other.leave(held),
    get dials() {
      return dials;
    },
  };
}

t(
  "a connection that is closed while another isolate gives it a channel frees the channel",
  async () => {
    const one = waiting();
    await Promise.resolve();
    assertEquals([one.line.length, one.connection.info().state], [1, "waiting"]);
    one.release();
    assertEquals([one.woken, one.line.length, one.table.c(0, 0)], [[0], 0, 1]);
    one.connection.close("closed by control");
    // The message from the other isolate comes too late.
    one.line.deliver();
    assertEquals(one.table.c(0, 0), 0);
    await one.done;
    assertEquals([one.ends, one.dials, one.table.c(0, 0)], [[["closed by control", true]], 0, 0]);
  },
);

t("a channel that is freed just after a connection has left the line stays free", async () => {
  const one = waiting();
  await Promise.resolve();
  one.connection.close("closed by control");
  assertEquals(one.line.length, 0);
  one.release();
  one.line.deliver();
  await one.done;
  assertEquals([one.woken, one.dials, one.table.c(0, 0)], [[], 0, 0]);
});

t(
  "a connection that is closed right after it got a channel frees it without a connect",
  async () => {
    const one = waiting();
    await Promise.resolve();
    one.release();
    one.line.deliver();
    one.connection.close("drained");
    await one.done;
    assertEquals([one.ends, one.dials, one.table.c(0, 0)], [[["drained", true]], 0, 0]);
  },
);

t("a connection is counted once as waiting, however often it has waited", async () => {
  const one = waiting({ failures: ["failed", "no local port"] });
  await Promise.resolve();
  one.release();
  one.line.deliver();
  // Its connect fails, so the channel rests, and it waits again.
  await until(() => one.table.caution(0, 0) === "resting" && one.line.length === 1);
  assertEquals([one.ends, one.dials, one.waits], [[], 1, []]);
  one.table.setCaution(0, 0, "none");
  await one.done;
  assertEquals([one.ends, one.waits.length], [[["connect failed", true]], 1]);
  assertEquals(one.table.c(0, 0), 0);
});

t("a shortage of ports or descriptors ends a connection that has waited", async () => {
  for (const failure of ["no local port", "no descriptor"] as const) {
    const one = waiting({ failures: [failure] });
    await Promise.resolve();
    one.release();
    one.line.deliver();
    await one.done;
    assertEquals(one.ends, [["connect failed", true]]);
    assertEquals([one.table.c(0, 0), one.line.length], [0, 0]);
  }
});
