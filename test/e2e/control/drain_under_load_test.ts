/** `drain` while clients keep coming. */

import { assertEquals, assertMatch } from "@std/assert";
import { writeAll } from "../../../lib/base/bytes.ts";
import { type Backend, backend } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { showRows } from "../../helpers/net/control_socket.ts";
import { startCommands } from "../../helpers/program/start_commands.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { sleep, t, until } from "../../helpers/t.ts";

const CLIENTS = 20;

/** A backend that answers with its name after a moment, and may hold its answers back. */
function holding(name: string) {
  const held: (() => void)[] = [];
  let holds = false;
  const server = backend(async (conn) => {
    await sleep(20);
    if (holds) await new Promise<void>((resolve) => held.push(resolve));
    await writeAll(conn, new TextEncoder().encode(`${name}\n`));
  });
  /** Sends some of the answers that are held back. */
  function release(count: number): void {
    for (const answer of held.splice(0, count)) answer();
  }
  /** Sends all answers from now on. */
  function releaseAll(): void {
    holds = false;
    release(held.length);
  }
  return {
    server,
    /** Holds all answers back, and waits until every client waits for one. */
    async hold(): Promise<void> {
      holds = true;
      await until(() => held.length === CLIENTS, { timeoutMs: 20_000, what: "the clients" });
    },
    release,
    releaseAll,
    async [Symbol.asyncDispose](): Promise<void> {
      releaseAll();
      await server.stop();
    },
  };
}

/** Clients that ask one after the other, each at once, until {@linkcode Load.stop}. */
function load(port: number) {
  const answers: string[] = [];
  let stopped = false;
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!stopped) answers.push(await ask(port));
  });
  return {
    answers,
    async stop(): Promise<void> {
      stopped = true;
      await Promise.all(clients);
    },
  };
}

/** Waits until a backend has accepted some more connections. */
async function gets(server: Backend): Promise<void> {
  const { accepted } = server;
  await until(() => server.accepted > accepted + 2 * CLIENTS, {
    timeoutMs: 20_000,
    what: "the load",
  });
}

t(
  "under load, drain 0 30 cuts no connection, and returns when the last one has ended",
  async () => {
    await using one = holding("B0");
    await using other = holding("B1");
    const channels = [one.server.address, other.server.address];
    await using balance = await startControlled(["-f", "PORT", ...channels]);
    const clients = load(balance.port);
    try {
      await gets(one.server);
      await one.hold();
      const { accepted } = one.server;
      await using drain = startCommands(balance, "drain 0 30", { strict: true });
      await drain.printed(`channel 0.0 is draining: ${CLIENTS} connections left\n`);
      one.releaseAll();
      assertEquals(await drain.ended(), 0);
      assertMatch(drain.stdout, /\nchannel 0\.0 is drained\n$/);
      await gets(other.server);
      assertEquals(one.server.accepted, accepted);
      assertEquals((await showRows(balance.socket))[0]?.totalc, accepted);
    } finally {
      one.releaseAll();
      await clients.stop();
    }
    assertEquals(new Set(clients.answers), new Set(["B0", "B1"]));
  },
);

t("under load, drain cuts only the connections that are left at the deadline", async () => {
  await using one = holding("B0");
  await using other = holding("B1");
  const channels = [one.server.address, other.server.address];
  await using balance = await startControlled(["-f", "PORT", ...channels]);
  const clients = load(balance.port);
  const cut = () => clients.answers.filter((answer) => !/^B\d$/.test(answer));
  try {
    await gets(one.server);
    await one.hold();
    await using drain = startCommands(balance, "drain 0 600", { strict: true });
    await drain.printed(`channel 0.0 is draining: ${CLIENTS} connections left\n`);
    const left = CLIENTS / 2;
    one.release(CLIENTS - left);
    await until(async () => (await showRows(balance.socket))[0]?.c === left, {
      timeoutMs: 20_000,
      what: "the answered clients to leave",
    });
    await gets(other.server);
    // The deadline is now.
    await using last = startCommands(balance, "drain 0 0", { strict: true });
    assertEquals([await drain.ended(), await last.ended()], [1, 1]);
    const end = `channel 0.0 is drained, ${left} connections closed at the deadline\n`;
    assertEquals(last.stdout, `channel 0.0 is draining: ${left} connections left\n${end}`);
    assertEquals(drain.stdout.slice(-end.length), end);
    await until(() => cut().length >= left, { timeoutMs: 20_000, what: "the closed clients" });
    await gets(other.server);
    await clients.stop();
    assertEquals(cut().length, left);
  } finally {
    one.releaseAll();
    await clients.stop();
  }
});
