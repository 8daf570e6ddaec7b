/**
 * More clients than there are descriptors for. They never read, and a backend floods them. In Deno
 * 2.6, which the executable contains, their sockets cannot simply be closed.
 */

import { assert, assertEquals } from "@std/assert";
import type { ConnectionInfo } from "../../../lib/base/connection_info.ts";
import { untilMetric, value } from "../../helpers/metrics/start_with_metrics.ts";
import { backend, named } from "../../helpers/net/backends.ts";
import { ask, connect } from "../../helpers/net/client.ts";
import { showRows, talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { later, t, until } from "../../helpers/t.ts";

const DESCRIPTORS = 256, CLIENTS = 110, ROUNDS = 2;
/** Descriptors of control sessions and of accepting, which come and go. */
const TRANSIENT = 12;

function flooding() {
  const data = new Uint8Array(1 << 18);
  return backend(async (conn) => {
    for (;;) await conn.write(data);
  });
}

async function connections({ socket }: Controlled): Promise<ConnectionInfo[]> {
  return JSON.parse(await talk(socket, "conns --json\n"));
}

/** Counts the connections; asserts that no descriptors are in use if there are none. */
async function countedConnections(balance: Controlled, before: number): Promise<number> {
  const fds = balance.fds(), { length } = await connections(balance);
  const used = Math.min(fds, balance.fds()) - before;
  assert(length > 0 || used <= TRANSIENT, `${used} descriptors are used, but conns is empty`);
  return length;
}

/** How connections are closed once no more bytes get through. */
const WAYS: Readonly<Record<string, { argv: string[]; close: (socket: string) => Promise<void> }>> =
  {
    "-T 1": { argv: ["-T", "1"], close: () => Promise.resolve() },
    "close": { argv: [], close: async (socket) => void await talk(socket, "close channel 0\n") },
  };

for (const [way, { argv, close }] of Object.entries(WAYS)) {
  t(`${CLIENTS} clients that do not read leave no descriptor in use after ${way}`, async () => {
    await using flood = flooding();
    await using honest = named("B1");
    const metrics = freePort();
    await using balance = await startControlled(
      ["-f", ...argv, "--metrics", String(metrics), "PORT", flood.address, honest.address],
      { before: `ulimit -n ${DESCRIPTORS}`, expectStderr: "any" },
    );
    await talk(balance.socket, "disable 1\n");
    const fds = await balance.quietFds();
    await using clients = new AsyncDisposableStack();
    for (let round = 1; round <= ROUNDS; round++) {
      const connecting = Array.from({ length: CLIENTS }, () => later(connect(balance.port)));
      for (const client of connecting) clients.use(await client);
      // Clients for which there is no descriptor wait in the backlog until others are closed.
      let before = -1;
      await until(async () => {
        const [{ totalc, rcvd } = { totalc: 0, rcvd: 0 }] = await showRows(balance.socket);
        if (rcvd === before) await close(balance.socket);
        before = rcvd;
        return await countedConnections(balance, fds) === 0 && totalc === round * CLIENTS;
      }, { timeoutMs: 60_000, everyMs: 50, what: `clients of round ${round} to be closed` });
      await balance.settledFds(fds, 10_000);
    }
    await talk(balance.socket, "disable 0\nenable 1\n");
    const answers = Array.from({ length: 10 }, () => ask(balance.port));
    assertEquals(await Promise.all(answers), Array(10).fill("B1"));
    await until(async () => await countedConnections(balance, fds) === 0);
    const rows = await showRows(balance.socket);
    assertEquals(rows.map(({ c }) => c), [0, 0]);
    const page = await untilMetric(metrics, "balance_connections_closing", {}, 0);
    assertEquals(value(page, "balance_connections"), 0);
    assertEquals(value(page, "balance_connections_accepted_total"), ROUNDS * CLIENTS + 10);
  });
}
