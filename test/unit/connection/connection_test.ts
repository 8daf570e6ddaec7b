import { assertEquals } from "@std/assert";
import { Connection } from "../../../lib/connection/connection.ts";
import type { DialFailure } from "../../../lib/base/reason.ts";
import { dumpTaps } from "../../../lib/dump/dump_tap.ts";
import { type FilterOptions, parseDumpFilter } from "../../../lib/dump/filter.ts";
import type { ConnectionEnd } from "../../../lib/connection/observe.ts";
import type { AcceptedLink } from "../../../lib/engine/engine.ts";
import { newTable, type Table } from "../../../lib/table/table.ts";
import {
  CONNECTION_OPTIONS,
  connectionContext,
} from "../../helpers/connection/connection_context.ts";
import { runConnection } from "../../helpers/connection/run_connection.ts";
import { dialsWith } from "../../helpers/engine/awaited.ts";
import { t, until } from "../../helpers/t.ts";

const V4 = Uint8Array.of(127, 0, 0, 1);

/** A link that counts how often it is closed. */
function link(): AcceptedLink & { closed: number } {
  return {
    remote: { address: "10.0.0.1", port: 1 },
    local: { address: "10.0.0.2", port: 2 },
    closed: 0,
    close() {
      this.closed++;
    },
  };
}

function tableWithOneChannel(): Table {
  const table = newTable({ groups: 1, channels: 1, workers: 1 });
  table.add(0, { address: V4, port: 80 });
  return table;
}

/** Filters, and whether there is a hook before and after the connect to channel 0.0. */
const EXCLUSIONS: readonly [FilterOptions, [boolean, boolean]][] = [
  [{}, [true, true]],
  [{ client: "10.0.0.0/24" }, [true, true]],
  [{ client: "10.9.9.9" }, [false, false]],
  [{ connection: "1000" }, [false, false]],
  [{ channel: "0.0" }, [true, true]],
  [{ channel: "0.1" }, [true, false]],
];

const taps = (filter: FilterOptions) => dumpTaps(parseDumpFilter(filter), () => undefined);

t("a dial to a backend that a check finds down is given up, without blame", async () => {
  for (const hasSucceeded of [false, true]) {
    const table = newTable({ groups: 1, channels: 2, workers: 1 });
    for (const port of [80, 81]) table.add(0, { address: V4, port });
    const first = link(), dials: string[] = [], ends: ConnectionEnd[] = [];
    const context = connectionContext(table, {
      engine: dialsWith((to, cancelled) => {
        dials.push(`${to.port}`);
        if (to.port === 81) return "refused";
        return cancelled.then(() => hasSucceeded ? first : "cancelled");
      }),
      options: { ...CONNECTION_OPTIONS, autoDisable: true },
      monitor: { ended: (end) => void ends.push(end) },
    });
    const connection = new Connection(link(), context), running = runConnection(connection);
    connection.backendDown();
    await running;
    context.clock.stop();
    assertEquals(dials, ["80", "81"]);
    assertEquals(ends[0]?.failed.map(({ failure }) => failure), ["backend down", "refused"]);
    // The first channel is not at fault; -a disables the second one.
    assertEquals([table.state(0, 0), table.state(0, 1)], ["enabled", "disabled"]);
    assertEquals([table.caution(0, 0), table.failures(0, 0), table.c(0, 0)], ["none", 0, 0]);
    assertEquals(first.closed, hasSucceeded ? 1 : 0);
  }
});

t("with -a, a failed connect disables the channel only while it has that address", async () => {
  for (const isMoved of [false, true]) {
    const table = tableWithOneChannel();
    const dialed = Promise.withResolvers<DialFailure>();
    const context = connectionContext(table, {
      engine: dialsWith(() => dialed.promise),
      options: { ...CONNECTION_OPTIONS, autoDisable: true },
    });
    const running = runConnection(new Connection(link(), context));
    if (isMoved) table.assign(0, 0, { address: V4, port: 81 });
    dialed.resolve("refused");
    await running;
    context.clock.stop();
    assertEquals(table.state(0, 0), isMoved ? "enabled" : "disabled");
  }
});

t("both sides are closed when the packet dump fails", async () => {
  const table = tableWithOneChannel(), client = link(), backend = link();
  const context = connectionContext(table, {
    engine: dialsWith(() => backend),
    tap: () => () => ({
      event() {},
      connected() {
        throw new TypeError("a bug");
      },
      chunk: () => undefined,
      ended() {},
      closed() {},
    }),
  });
  let bug: unknown;
  await runConnection(new Connection(client, context)).catch((error) => bug = error);
  context.clock.stop();
  assertEquals(bug instanceof TypeError, true);
  assertEquals([client.closed > 0, backend.closed > 0, table.c(0, 0)], [true, true, 0]);
});

t("a connection that the filter of the dump excludes has no chunk hook", async () => {
  const table = tableWithOneChannel();
  for (const [filter, hooks] of EXCLUSIONS) {
    const seen: boolean[] = [];
    let finish = () => {};
    const context = connectionContext(table, {
      engine: {
        ...dialsWith(() => link()),
        relay(_client, _backend, observer) {
          seen.push(observer.chunk !== undefined);
          finish = () => observer.finished({ side: "client", how: "end" });
          return { close() {}, writingTo: [], freed: () => undefined };
        },
      },
      tap: () => taps(filter),
    });
    const connection = new Connection(link(), context);
    seen.push(connection.chunk !== undefined);
    const running = runConnection(connection);
    await until(() => seen.length === 2, { what: "the relay" });
    assertEquals(seen, hooks, JSON.stringify(filter));
    // A dump that starts later.
    connection.setTap(taps(filter));
    assertEquals(connection.chunk !== undefined, hooks[1], JSON.stringify(filter));
    finish();
    await running;
    context.clock.stop();
  }
});
