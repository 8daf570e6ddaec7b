/** Connections whose sockets cannot be closed when they end, as if Deno 2.6 were writing to them. */

import { assertEquals } from "@std/assert";
import { serve } from "../../../lib/connection/accept/accept_loop.ts";
import type { SocketPair } from "../../../lib/base/endpoint.ts";
import type {
  AcceptedLink,
  AcceptFailure,
  Listener,
  Relay,
  RelayObserver,
} from "../../../lib/engine/engine.ts";
import { newTable } from "../../../lib/table/table.ts";
import { connectionContext } from "../../helpers/connection/connection_context.ts";
import { dialsWith } from "../../helpers/engine/awaited.ts";
import { t, until, within } from "../../helpers/t.ts";

function linkFrom(port: number): AcceptedLink {
  const address = "127.0.0.1";
  return { remote: { address, port }, local: { address, port: 1 }, close() {} };
}

/** A relay that ends when it is closed, and is freed when `free()` is called. */
function stuckRelay(observer: RelayObserver): Relay & { free(): void } {
  const freed = Promise.withResolvers<void>();
  let isClosed = false;
  return {
    writingTo: ["client"],
    freed: () => freed.promise,
    close() {
      if (!isClosed) observer.finished({ side: "client", how: "closed" });
      isClosed = true;
    },
    free: () => freed.resolve(),
  };
}

/** An accept loop for at most one connection, to which a client after the other connects. */
function serveOneAtATime() {
  const events: string[] = [],
    shutDown: SocketPair[] = [],
    relays: ReturnType<typeof stuckRelay>[] = [];
  const closed = Promise.withResolvers<AcceptFailure>();
  let accepted = 0;
  const listener: Listener = {
    local: { address: "127.0.0.1", port: 1 },
    accept: () => accepted < 2 ? Promise.resolve(linkFrom(1000 + ++accepted)) : closed.promise,
    close: () => closed.resolve({ failure: "closed", reason: "" }),
  };
  const table = newTable({ groups: 1, channels: 1, workers: 1 });
  table.add(0, { address: Uint8Array.of(127, 0, 0, 1), port: 80 });
  const context = connectionContext(table, {
    engine: {
      ...dialsWith(() => linkFrom(80)),
      relay(_client, _backend, observer) {
        const relay = stuckRelay(observer);
        relays.push(relay);
        return relay;
      },
    },
    requestShutdown: (sockets) => void shutDown.push(...sockets),
    monitor: {
      started: ({ client }) => void events.push(`${client.port} started`),
      ended: ({ client, reason, state }) => void events.push(`${client.port} ${reason} ${state}`),
      closing: () => void events.push("closing"),
      freed: () => void events.push("freed"),
    },
  });
  const serving = serve(listener, context, () => 1);
  /** Waits until as many clients have their relay, and returns the only connection. */
  async function relayed(count: number) {
    await until(() => relays.length === count, { what: `relay ${count}` });
    const [connection] = serving.connections;
    return { connection: connection!, relay: relays[count - 1]! };
  }
  return { serving, table, events, shutDown, relayed };
}

t("a connection counts until its sockets are closed, although it has ended", async () => {
  const { serving, table, events, shutDown, relayed } = serveOneAtATime();
  const { connection, relay } = await relayed(1);
  connection.close("idle limit");
  await until(() => events.includes("closing"));
  connection.close("closed by control");
  connection.setTap(() => {
    throw new TypeError("the dump has its end already");
  });
  assertEquals([connection.info().state, serving.connections.size], ["closing", 1]);
  assertEquals(table.c(0, 0), 1);
  // Its sockets are shut down again, because the first time may have failed.
  await until(() => shutDown.length === 2, { what: "two shutdowns" });
  const { local, remote } = linkFrom(1001);
  assertEquals(shutDown, [{ local, remote }, { local, remote }]);
  assertEquals(events, ["1001 started", "1001 idle limit open", "closing"]);
  relay.free();
  const { connection: next, relay: nextRelay } = await relayed(2);
  assertEquals([next.info().state, table.c(0, 0)], ["open", 1]);
  next.close("closed by control");
  nextRelay.free();
  await serving.stop();
  await serving.done;
  await until(() => table.c(0, 0) === 0, { what: "the claims to be released" });
  assertEquals(events.slice(3), [
    "freed",
    "1002 started",
    "1002 closed by control open",
    "closing",
    "freed",
  ]);
});

t("a stop does not wait until sockets are closed", async () => {
  const { serving, table, relayed } = serveOneAtATime();
  const { connection, relay } = await relayed(1);
  serving.stopNow();
  connection.close("shutdown");
  await within(serving.done, { timeoutMs: 5000, what: "the end" });
  assertEquals([connection.info().state, table.c(0, 0)], ["closing", 1]);
  relay.free();
  await until(() => serving.connections.size === 0);
  assertEquals(table.c(0, 0), 0);
});
