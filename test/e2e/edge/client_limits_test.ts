/** `--per-client` and `--accept-rate`: how many connections a client may have, and how fast. */

import { assert, assertEquals } from "@std/assert";
import { crowd, tryConnect } from "../../helpers/edge/crowd.ts";
import { drained, echo, named } from "../../helpers/net/backends.ts";
import { canBindSource, type Client } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { echoes, heldConnection } from "../../helpers/net/held_connections.ts";
import { ENGINE } from "../../helpers/program/program.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { skip, t, until, within } from "../../helpers/t.ts";

const START = { expectStderr: "any" } as const;

/** For stories of clients with different addresses. */
const withClients: typeof t = await canBindSource()
  ? t
  : (name) => skip(name, "this version of Deno cannot bind a source address");

/** Its answer to a control command. */
async function command({ socket }: Controlled, line: string): Promise<string> {
  return (await talk(socket, `${line}\n`)).trimEnd();
}

withClients(
  "--per-client N: exactly N connections of a client are served, the others reach no backend",
  async () => {
    await using server = named("B0");
    await using balance = await startControlled(
      ["-f", "--per-client", "5", "PORT", server.address],
      START,
    );
    await using first = await crowd(balance.port, 40);
    assertEquals([first.served.length, first.refused.length], [5, 35]);
    if (ENGINE === "epoll") assertEquals(new Set(first.refused), new Set(["RST"]));
    assertEquals(server.accepted, 5);
    await using other = await crowd(balance.port, 8, "127.0.0.2");
    assertEquals([other.served.length, other.refused.length], [5, 3]);
    // Each that leaves makes room for exactly one.
    for (const client of first.served.slice(0, 3)) await client.close();
    await until(async () => {
      await using again = await crowd(balance.port, 10);
      assert(again.served.length <= 3, `${again.served.length} served`);
      return again.served.length === 3;
    }, { what: "three clients to get the places of those that have left" });
  },
);

withClients(
  "--per-client is exact while clients come and go, and nothing is counted in the end",
  async () => {
    await using server = named("B0");
    await using balance = await startControlled(
      ["-f", "--per-client", "3", "PORT", server.address],
      START,
    );
    const addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
    const open = new Map(addresses.map((from) => [from, 0]));
    let served = 0, refused = 0, most = 0;
    const coming = Promise.all(addresses.flatMap((from) =>
      Array.from({ length: 6 }, async () => {
        for (let i = 0; i < 20 || served < 50 || refused < 50; i++) {
          const client = await tryConnect(balance.port, from);
          if (typeof client === "string") {
            refused++;
            continue;
          }
          served++;
          open.set(from, open.get(from)! + 1);
          most = Math.max(most, open.get(from)!);
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
          open.set(from, open.get(from)! - 1);
          await client.close();
        }
      })
    ));
    await within(coming, { timeoutMs: 60_000, what: "clients that are served and refused" });
    assert(most <= 3, `${most} at a time`);
    await drained(server);
    for (const from of addresses) {
      await until(async () => {
        await using all = await crowd(balance.port, 4, from);
        return all.served.length === 3;
      }, { what: `all three places of ${from} to be free` });
      await drained(server);
    }
  },
);

t(
  "per-client N applies at once, counts connections that were open before, and 0 ends it",
  async () => {
    await using server = echo();
    await using balance = await startControlled(["-f", "PORT", server.address], START);
    await using held = new AsyncDisposableStack();
    const clients: Client[] = [];
    for (let i = 0; i < 4; i++) clients.push(held.use(await heldConnection(balance.port)));
    assertEquals(await command(balance, "per-client 3"), "connections of one client: at most 3");
    await assertRefused(balance.port);
    await clients[0]!.close();
    await until(() => server.open === 3, { what: "the first one to end" });
    await assertRefused(balance.port);
    await clients[1]!.close();
    await until(() => server.open === 2, { what: "the second one to end" });
    held.use(await eventually(() => heldConnection(balance.port)));
    await assertRefused(balance.port);
    // Connections that are over the limit stay.
    assertEquals(await command(balance, "per-client 1"), "connections of one client: at most 1");
    await echoes(clients[2]!);
    await assertRefused(balance.port);
    assertEquals(await command(balance, "per-client 0"), "connections of one client: no limit");
    for (let i = 0; i < 3; i++) held.use(await heldConnection(balance.port));
    assertEquals(
      await command(balance, "per-client x"),
      "invalid number [x]: not a number from 0 to 1000000",
    );
  },
);

t("--accept-rate N: clients above it wait, and all of them are served", async () => {
  await using server = named("B0");
  const rate = 20, count = 60;
  await using balance = await startControlled(
    ["-f", "--accept-rate", `${rate}`, "PORT", server.address],
    START,
  );
  // At a much lower rate, the last ones would wait for longer than a read may take.
  await using all = await crowd(balance.port, count);
  assertEquals(all.refused, []);
  // The bucket is full at the start, and then one client is served after the other.
  for (const [index, ms] of all.servedMs.entries()) {
    const least = (index + 1 - rate) * 1000 / rate;
    assert(ms >= least - 1, `client ${index} was served after ${ms} ms, at least ${least} ms`);
  }
  assertEquals(await command(balance, "accept-rate 0"), "new connections: no limit in all");
  await using more = await crowd(balance.port, count);
  assertEquals(more.refused, []);
});

t("clients that wait for a rate are served at once when it is lifted", async () => {
  await using server = named("B0");
  await using balance = await startControlled(
    ["-f", "--accept-rate", "1", "PORT", server.address],
    START,
  );
  const all = crowd(balance.port, 30);
  await until(() => server.accepted > 0, { what: "the first one to be served" });
  assertEquals(
    await command(balance, "accept-rate 10000"),
    "new connections: at most 10000 per second in all",
  );
  // At the rate of before, the last one would wait for longer than a read may take.
  await using served = await all;
  assertEquals(served.refused, []);
});

withClients("--accept-rate 0/CLIENT: more new connections of one client are closed", async () => {
  await using server = named("B0");
  await using balance = await startControlled(
    ["-f", "--accept-rate", "0/10", "PORT", server.address],
    START,
  );
  const start = performance.now();
  await using all = await crowd(balance.port, 50);
  const seconds = (performance.now() - start) / 1000;
  assert(all.served.length >= 10, `${all.served.length} served`);
  assert(all.served.length <= 10 + Math.ceil(10 * seconds), `${all.served.length} in ${seconds} s`);
  await using other = await crowd(balance.port, 10, "127.0.0.2");
  assertEquals(other.refused, []);
  assertEquals(
    await command(balance, "accept-rate 1000/1"),
    "new connections: at most 1000 per second in all, at most 1 per second of one client",
  );
  const changed = performance.now();
  await using third = await crowd(balance.port, 5, "127.0.0.3");
  const more = (performance.now() - changed) / 1000, count = third.served.length;
  assert(count >= 1 && count <= 1 + Math.floor(more), `${count} in ${more} s`);
  assertEquals(
    await command(balance, "accept-rate 5/"),
    "invalid rate [5/]: not N or N/CLIENT with numbers from 0 to 1000000",
  );
});

async function assertRefused(port: number): Promise<void> {
  await using all = await crowd(port, 3);
  assertEquals(all.served.length, 0);
}

/** The first result that is no error: a client that has left may still be counted for a moment. */
async function eventually<T>(get: () => Promise<T>): Promise<T> {
  let result: T | undefined;
  await until(async () => (result = await get().catch(() => undefined)) !== undefined);
  return result!;
}
