/** How balance ends: by signals, by the command `kill`, and after the grace time. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type Backend, echo, named } from "../../helpers/net/backends.ts";
import { type Client, connect, readText, readToEnd, refused } from "../../helpers/net/client.ts";
import { controlSession, talk } from "../../helpers/net/control_socket.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { t, until, within } from "../../helpers/t.ts";
import { namesIn } from "../../helpers/temp_dir.ts";

const CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
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

/** Waits until control socket and listener are closed. */
async function stopped({ balance }: OneConnection): Promise<void> {
  await until(() => namesIn(balance.rundir).length === 0, { what: "the socket to be removed" });
  await assertRejects(() => connect(balance.port), Deno.errors.ConnectionRefused);
}

async function echoes(client: Client, text: string): Promise<void> {
  await client.send(text);
  assertEquals(await readText(client, text.length), text);
}

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
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

t("SIGHUP ends the foreground at once, with 129 if a connection was cut, else with 0", async () => {
  await using one = await openOne();
  assertEquals((await one.balance.stop("SIGHUP")).code, CODES.SIGHUP);
  assertEquals(namesIn(one.balance.rundir), []);
  await using idle = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
  assertEquals((await idle.stop("SIGHUP")).code, 0);
});

t("kill sets no time limit for open connections; a later SIGTERM does", async () => {
  await using one = await openOne("--grace", "1");
  const { balance, client } = one;
  const { port, rundir } = balance;
  const { code, stdout } = await runBalance(["-c", "kill", "PORT"], { port, rundir });
  assertEquals([code, stdout], [0, "shutdown complete, exiting.\n"]);
  await stopped(one);
  const again = await runBalance(["-c", "kill", "PORT"], { port, rundir });
  assertEquals([again.code, again.stdout], [69, "no master process, exiting.\n"]);
  await echoes(client, "still here");
  balance.kill("SIGTERM");
  assertEquals((await balance.ended).code, CODES.SIGTERM);
});

t(
  "after kill balance ends with 0 after the last connection; control sessions work until then",
  async () => {
    await using one = await openOne();
    using session = await controlSession(one.balance.socket);
    assertEquals(await talk(one.balance.socket, "kill\n"), "shutdown complete, exiting.\n");
    // Open control sessions still work.
    assertMatch((await session.ask("show")).text, / 1 {11}1 /);
    await one.client.close();
    assertEquals((await one.balance.ended).code, 0);
    await assertRejects(() => session.ask("show"));
  },
);

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
      await until(() => namesIn(balance.rundir).length === 0);
    }
    if (signals.length === 1) {
      await echoes(client, "still here");
      assert(balance.alive());
      await client.close();
    }
    await balance.gone();
  }
});
