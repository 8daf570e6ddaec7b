/** Many clients in the wait line (`--wait`) of a channel that takes ten at a time. */

import { assertEquals } from "@std/assert";
import { connect } from "../../helpers/net/client.ts";
import { showRows } from "../../helpers/net/control_socket.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { t, until } from "../../helpers/t.ts";
import {
  connectionsOf,
  type NamedClient,
  namedClient,
  servingBackend,
} from "../../helpers/waiting/waiting_clients.ts";

const CLIENTS = 1000, MAXC = 10, AT_ONCE = 50;

for (const workers of [1, 4]) {
  const name = `${CLIENTS} clients wait for a channel with maxc ${MAXC}, and all are served in ` +
    `order, with ${workers} worker${workers === 1 ? "" : "s"}`;
  t(name, async () => {
    await using server = servingBackend();
    const argv = ["-f", "--workers", `${workers}`, "--wait", "120", "PORT"];
    await using balance = await startControlled([...argv, `${server.address}:${MAXC}`]);
    using clients = new DisposableStack();
    const byPort = new Map<number, NamedClient>();
    while (byPort.size < CLIENTS) {
      const some = Array.from({ length: AT_ONCE }, () => namedClient(balance.port));
      for (const client of await Promise.all(some)) byPort.set(client.port, clients.use(client));
    }
    await until(() => server.served.length === MAXC, { what: "the first clients" });
    const waiting = await until(async () => {
      const found = (await connectionsOf(balance.socket)).filter((one) => one.state === "waiting");
      return found.length === CLIENTS - MAXC ? found : undefined;
    }, { timeoutMs: 30_000, everyMs: 50, what: "the others to wait" });

    // Whenever ten clients leave, exactly the next ten come.
    const order = waiting.sort((a, b) => a.id - b.id).map(({ client }) => client.port);
    for (let at = 0; at < order.length; at += MAXC) {
      const before = server.served.length;
      for (const port of server.served.slice(before - MAXC)) byPort.get(port)!.close();
      await until(() => server.served.length === before + MAXC, { what: "the next clients" });
      assertEquals(
        server.served.slice(before).toSorted((a, b) => a - b),
        order.slice(at, at + MAXC).sort((a, b) => a - b),
      );
    }
    clients.dispose();
    await until(async () => (await connectionsOf(balance.socket)).length === 0);
    const [row] = await showRows(balance.socket);
    assertEquals([row?.c, row?.totalc, server.accepted], [0, CLIENTS, CLIENTS]);
    assertEquals(new Set(server.served).size, CLIENTS);
  });
}

t(
  "clients that leave while others are served cost no channel and no place, with 4 workers",
  async () => {
    const clients = 300;
    await using server = servingBackend();
    const argv = ["-f", "--workers", "4", "--wait", "120", "PORT", `${server.address}:${MAXC}`];
    await using balance = await startControlled(argv);
    const served: Promise<string>[] = [];
    for (let i = 0; i < clients / AT_ONCE; i++) {
      await Promise.all(Array.from({ length: AT_ONCE }, async (_, one) => {
        // Every third client sends nothing, and leaves at once or a little later.
        if (one % 3 === 0) {
          const silent = await connect(balance.port);
          setTimeout(() => silent.close(), one * 10);
        } else {
          const client = await namedClient(balance.port);
          served.push(client.answer().finally(() => client.close()));
        }
      }));
    }
    assertEquals(new Set(await Promise.all(served)), new Set(["served"]));
    await until(async () => (await connectionsOf(balance.socket)).length === 0, {
      timeoutMs: 20_000,
      everyMs: 50,
      what: "all connections to end",
    });
    assertEquals((await showRows(balance.socket))[0]?.c, 0);
    assertEquals(server.served.length, served.length);
    // The line is empty: a client is served at once.
    using last = await namedClient(balance.port);
    assertEquals(await last.answer(), "served");
  },
);
