import { assertEquals } from "@std/assert";
import { Connection } from "../../../lib/connection/connection.ts";
import type { DialFailure } from "../../../lib/base/reason.ts";
import { denoEngine } from "../../../lib/engine/deno/deno_engine.ts";
import type { AcceptedLink, Engine } from "../../../lib/engine/engine.ts";
import { newTable, type Table } from "../../../lib/table/table.ts";
import { connectionContext } from "../../helpers/connection/connection_context.ts";
import { t } from "../../helpers/t.ts";

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

const engineThat = (dial: Engine["dial"]): Engine => ({ ...denoEngine, dial });

t("with -a, a failed connect disables the channel only while it has that address", async () => {
  for (const isMoved of [false, true]) {
    const table = tableWithOneChannel();
    const dialed = Promise.withResolvers<DialFailure>();
    const context = connectionContext(table, {
      engine: engineThat(() => dialed.promise),
      options: { connectTimeoutMs: 1000, idleTimeoutMs: 0, hashFailover: false, autoDisable: true },
    });
    const running = new Connection(link(), context).run();
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
    engine: engineThat(() => Promise.resolve(backend)),
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
  await new Connection(client, context).run().catch((error) => bug = error);
  context.clock.stop();
  assertEquals(bug instanceof TypeError, true);
  assertEquals([client.closed > 0, backend.closed > 0, table.c(0, 0)], [true, true, 0]);
});
