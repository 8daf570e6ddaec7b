/** How balance ends: by signals, by the command `kill`, and after the grace time. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type Backend, echo, named } from "../../helpers/net/backends.ts";
import { type Client, connect, readText, readToEnd, refused } from "../../helpers/net/client.ts";
import { command, controlSession, showRows, talk } from "../../helpers/net/control_socket.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { t, until, within } from "../../helpers/t.ts";
import { namesIn } from "../../helpers/temp_dir.ts";

const CODES = { SIGINT: 130, SIGTERM: 143 } as const;
const GRACEFUL = ["SIGTERM", "SIGINT"] as const;

/** A balance with one open connection. */
interface OneConnection extends AsyncDisposable {
  readonly balance: Controlled;
  readonly client: Client;
  readonly server: Backend;
}

async function openOne(...options: string[]): Promise<OneConnection> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(named("B0"));
  const balance = stack.use(await startControlled([...options, "-f", "PORT", server.address]));
  const client = stack.use(await connect(balance.port));
  assertEquals(await readText(client, 3), "B0\n");
  const all = stack.move();
  return { balance, client, server, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Waits until the listener is closed. */
async function stopped({ balance }: { balance: { port: number } }): Promise<void> {
  await until(() => !listensOn(balance.port), { what: "the listener to be closed" });
  await assertRejects(() => connect(balance.port), Deno.errors.ConnectionRefused);
}

async function echoes(client: Client, text: string): Promise<void> {
  await client.send(text);
  assertEquals(await readText(client, text.length), text);
}

for (const signal of GRACEFUL) {
  t(`${signal} without connections ends balance with 0 and frees the port`, async () => {
    await using server = named("B0");
    await using balance = await startControlled(["-f", "PORT", server.address]);
    const { code, stdout, stderr } = await balance.stop(signal);
    assertEquals([code, stdout, stderr], [0, "", ""]);
    await refused(balance.port);
  });
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  t(`${signal} refuses new connections, and open ones continue in both directions`, async () => {
    await using server = echo();
    await using balance = await startControlled(["-f", "PORT", server.address]);
    await using client = await connect(balance.port);
    await client.send("before");
    assertEquals(await readText(client, 6), "before");
    balance.kill(signal);
    await refused(balance.port);
    await client.send("after");
    assertEquals(await readText(client, 5), "after");
    await client.closeWrite();
    assertEquals((await readToEnd(client)).end, "EOF");
    const { code, stderr } = await balance.ended;
    assertEquals([code, stderr], [0, ""]);
  });
}

for (const signal of GRACEFUL) {
  t(`${signal}: balance ends with 0 after the last open connection`, async () => {
    await using one = await openOne();
    one.balance.kill(signal);
    await stopped(one);
    await echoes(one.client, "still here");
    await one.client.closeWrite();
    assertEquals((await readToEnd(one.client)).end, "EOF");
    const { code, stdout, stderr } = await within(one.balance.ended, {
      timeoutMs: 3000,
      what: "balance to end after its last connection",
    });
    assertEquals([code, stdout, stderr], [0, "", ""]);
  });

  t(`a second ${signal} cuts open connections, with exit code ${CODES[signal]}`, async () => {
    await using one = await openOne();
    one.balance.kill(signal);
    await stopped(one);
    await echoes(one.client, "still here");
    const { code, stderr } = await one.balance.stop(signal);
    assertEquals([code, stderr], [CODES[signal], ""]);
    await readToEnd(one.client);
  });

  t(
    `${signal}: the end of the --grace time cuts open connections, with the code of the signal`,
    async () => {
      await using one = await openOne("--grace", "1");
      const started = performance.now();
      one.balance.kill(signal);
      const { code, stderr } = await one.balance.ended;
      assertEquals([code, stderr], [CODES[signal], ""]);
      const ms = performance.now() - started;
      assert(ms >= 800 && ms < 4000, `${ms} ms`);
      await readToEnd(one.client);
    },
  );

  t(
    `${signal} without connections ends at once with 0, however long the --grace time`,
    async () => {
      await using balance = await startControlled(["--grace", "1000", "-f", "PORT", "127.0.0.1:9"]);
      const { code, stderr } = await balance.stop(signal);
      assertEquals([code, stderr], [0, ""]);
      assertEquals(namesIn(balance.rundir), []);
    },
  );
}

t("SIGTERM: clients that are connected but not accepted yet are served", async () => {
  await using server = named("B0");
  await using balance = await startControlled(["-f", "PORT", server.address]);
  // While balance is stopped the kernel completes connects; then the signal arrives first.
  balance.kill("SIGSTOP");
  const clients = await Promise.all(Array.from({ length: 50 }, () => connect(balance.port)));
  balance.kill("SIGTERM");
  balance.kill("SIGCONT");
  const heard = await Promise.all(clients.map((client) => readText(client, 3)));
  assertEquals([...new Set(heard)], ["B0\n"]);
  await Promise.all(clients.map((client) => client.close()));
  assertEquals((await balance.ended).code, 0);
});

t("SIGINT after SIGTERM cuts open connections, with the code of SIGINT", async () => {
  await using one = await openOne();
  one.balance.kill("SIGTERM");
  await stopped(one);
  assertEquals((await one.balance.stop("SIGINT")).code, CODES.SIGINT);
});

t("--grace 0 cuts open connections at once", async () => {
  await using one = await openOne("--grace", "0");
  assertEquals((await one.balance.stop()).code, CODES.SIGTERM);
});

t("kill sets no time limit for open connections; a later SIGTERM does", async () => {
  await using one = await openOne("--grace", "1");
  const { balance, client } = one;
  const { port, rundir } = balance;
  const { code, stdout } = await runBalance(["-c", "kill", "PORT"], { port, rundir });
  const answer = "shutdown started, 1 connection left, exiting when they end.\n";
  assertEquals([code, stdout], [0, answer]);
  await stopped(one);
  await echoes(client, "still here");
  balance.kill("SIGTERM");
  assertEquals((await balance.ended).code, CODES.SIGTERM);
});

for (const how of ["kill", "SIGTERM", "SIGINT"] as const) {
  t(`after ${how}, control clients are served until the last connection has ended`, async () => {
    await using one = await openOne();
    await using second = await connect(one.balance.port);
    assertEquals(await readText(second, 3), "B0\n");
    const { socket } = one.balance;
    if (how === "kill") {
      assertEquals(
        await talk(socket, "kill\n"),
        "shutdown started, 2 connections left, exiting when they end.\n",
      );
    } else one.balance.kill(how);
    await stopped(one);
    // New control clients, too, and every command.
    using session = await controlSession(socket);
    assertEquals((await showRows(socket)).map(({ c, totalc }) => [c, totalc]), [[2, 2]]);
    const [first] = JSON.parse(await command(session, "conns --json"));
    assertMatch(await command(session, "top"), /^connections {2}2 open/m);
    assertEquals(await command(session, "dump"), "dump off\n");
    assertMatch(await command(session, "version"), /MAXGROUPS=/);
    assertEquals(await command(session, "disable 0"), "channel 0 disabled\n");
    assertEquals(await command(session, `close ${first.id}`), `connection ${first.id} closed\n`);
    assertEquals((await readToEnd(one.client)).bytes.length, 0);
    await until(async () => (await showRows(socket))[0]?.c === 1, { what: "one connection left" });
    const limit = how === "kill" ? "" : " or in \\d+ seconds?";
    const again = `^shutdown in progress, 1 connection left, exiting when they end${limit}\\.\n$`;
    assertMatch(await talk(socket, "kill\n"), new RegExp(again));
    await echoes(second, "still here");
    await second.close();
    assertEquals((await one.balance.ended).code, 0);
    await assertRejects(() => session.ask("show"));
    assertEquals(namesIn(one.balance.rundir), []);
  });
}

t("kill without connections is answered after port and control socket are free", async () => {
  await using balance = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
  assertEquals(await talk(balance.socket, "kill\n"), "shutdown complete, exiting.\n");
  assertEquals(namesIn(balance.rundir), []);
  await assertRejects(() => connect(balance.port), Deno.errors.ConnectionRefused);
  assertEquals((await balance.ended).code, 0);
});

t("SIGTERM during connects: clients are served or reset, none waits", async () => {
  await using server = named("B0");
  await using balance = await startControlled(["-f", "-t", "60", "PORT", server.address]);
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(balance.port)));
  balance.kill("SIGTERM");
  for (const client of clients) {
    const first = await client.read(new Uint8Array(10)).catch(() => null);
    if (first !== null) await client.closeWrite();
    await readToEnd(client);
    await client.close();
  }
  assertEquals((await balance.ended).code, 0);
});

t("the background handles SIGTERM and a second signal like the foreground", async () => {
  await using server = named("B0");
  for (const signals of [["SIGTERM"], ["SIGTERM", "SIGINT"]] as const) {
    await using balance = await startBackground(["--grace", "60", "PORT", server.address]);
    await using client = await connect(balance.port);
    assertEquals(await readText(client, 3), "B0\n");
    for (const signal of signals) {
      balance.kill(signal);
      await stopped({ balance });
    }
    if (signals.length === 1) {
      await echoes(client, "still here");
      assert(balance.alive());
      await client.close();
    }
    await balance.gone();
  }
});
