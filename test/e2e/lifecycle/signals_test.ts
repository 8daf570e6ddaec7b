/** How the program ends, and what it tells when asked: signals, in the foreground and background. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type Backend, named } from "../../helpers/net/backends.ts";
import { ask, type Client, connect, readText, readToEnd } from "../../helpers/net/client.ts";
import { controlSession, talk } from "../../helpers/net/control_socket.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { syslogReceiver } from "../../helpers/net/syslog_receiver.ts";
import { t, until, within } from "../../helpers/t.ts";

const CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
const ENDING = ["SIGTERM", "SIGINT"] as const;

const namesIn = (path: string): string[] => [...Deno.readDirSync(path)].map(({ name }) => name);

/** A program with one open connection, and who is in it. */
interface Scene extends AsyncDisposable {
  readonly balance: Controlled;
  readonly client: Client;
  readonly server: Backend;
}

async function open(...options: string[]): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(named("B0"));
  const balance = stack.use(await startControlled([...options, "-f", "PORT", server.address]));
  const client = stack.use(await connect(balance.port));
  assertEquals(await readText(client, 3), "B0\n");
  const all = stack.move();
  return { balance, client, server, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Neither new connections nor control any more. */
async function stopped({ balance }: Scene): Promise<void> {
  await until(() => namesIn(balance.rundir).length === 0, { what: "the socket to be removed" });
  await assertRejects(() => connect(balance.port), Deno.errors.ConnectionRefused);
}

async function echoes(client: Client, text: string): Promise<void> {
  await client.send(text);
  assertEquals(await readText(client, text.length), text);
}

for (const signal of ENDING) {
  t(`${signal}: no new connections, open ones run to their end, then the code is 0`, async () => {
    await using scene = await open();
    scene.balance.kill(signal);
    await stopped(scene);
    await echoes(scene.client, "still here");
    await scene.client.closeWrite();
    assertEquals((await readToEnd(scene.client)).end, "EOF");
    const { code, stdout, stderr } = await within(scene.balance.ended, {
      timeoutMs: 3000,
      what: "the program to end with its last connection",
    });
    assertEquals([code, stdout, stderr], [0, "", ""]);
  });

  t(`${signal} twice ends at once, with ${CODES[signal]} as a connection was cut`, async () => {
    await using scene = await open();
    scene.balance.kill(signal);
    await stopped(scene);
    await echoes(scene.client, "still here");
    const { code, stderr } = await scene.balance.stop(signal);
    assertEquals([code, stderr], [CODES[signal], ""]);
    await readToEnd(scene.client);
  });

  t(`${signal}: what --grace is over cuts is told by the code`, async () => {
    await using scene = await open("--grace", "1");
    const started = performance.now();
    scene.balance.kill(signal);
    const { code, stderr } = await scene.balance.ended;
    assertEquals([code, stderr], [CODES[signal], ""]);
    const ms = performance.now() - started;
    assert(ms >= 800 && ms < 4000, `${ms} ms`);
    await readToEnd(scene.client);
  });

  t(`${signal} without connections ends at once with 0, whatever the grace`, async () => {
    await using balance = await startControlled(["--grace", "1000", "-f", "PORT", "127.0.0.1:9"]);
    const { code, stderr } = await balance.stop(signal);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(namesIn(balance.rundir), []);
  });
}

t("SIGTERM: who has connected is served, though not accepted yet", async () => {
  await using server = named("B0");
  await using balance = await startControlled(["-f", "PORT", server.address]);
  // While the program sleeps the system lets clients in, and then the signal comes first.
  balance.kill("SIGSTOP");
  const clients = await Promise.all(Array.from({ length: 50 }, () => connect(balance.port)));
  balance.kill("SIGTERM");
  balance.kill("SIGCONT");
  const heard = await Promise.all(clients.map((client) => readText(client, 3)));
  assertEquals([...new Set(heard)], ["B0\n"]);
  await Promise.all(clients.map((client) => client.close()));
  assertEquals((await balance.ended).code, 0);
});

t("SIGTERM then SIGINT is a second signal too; the code is that of the one that cut", async () => {
  await using scene = await open();
  scene.balance.kill("SIGTERM");
  await stopped(scene);
  assertEquals((await scene.balance.stop("SIGINT")).code, CODES.SIGINT);
});

t("--grace 0 cuts at once", async () => {
  await using scene = await open("--grace", "0");
  assertEquals((await scene.balance.stop()).code, CODES.SIGTERM);
});

t("SIGHUP ends the foreground at once, with 129 if a connection was cut", async () => {
  await using scene = await open();
  assertEquals((await scene.balance.stop("SIGHUP")).code, CODES.SIGHUP);
  assertEquals(namesIn(scene.balance.rundir), []);
  await using idle = await startControlled(["-f", "PORT", "127.0.0.1:9"]);
  assertEquals((await idle.stop("SIGHUP")).code, 0);
});

t("kill lets connections run to their end without a limit; SIGTERM then sets one", async () => {
  await using scene = await open("--grace", "1");
  const { balance, client } = scene;
  const { port, rundir } = balance;
  const { code, stdout } = await runBalance(["-c", "kill", "PORT"], { port, rundir });
  assertEquals([code, stdout], [0, "shutdown complete, exiting.\n"]);
  await stopped(scene);
  const again = await runBalance(["-c", "kill", "PORT"], { port, rundir });
  assertEquals([again.code, again.stdout], [69, "no master process, exiting.\n"]);
  await echoes(client, "still here");
  balance.kill("SIGTERM");
  assertEquals((await balance.ended).code, CODES.SIGTERM);
});

t("kill ends with 0 after the last connection, and open control sessions go then", async () => {
  await using scene = await open();
  using session = await controlSession(scene.balance.socket);
  assertEquals(await talk(scene.balance.socket, "kill\n"), "shutdown complete, exiting.\n");
  // Who is in already may still look and act.
  assertMatch((await session.ask("show")).text, / 1 {11}1 /);
  await scene.client.close();
  assertEquals((await scene.balance.ended).code, 0);
  await assertRejects(() => session.ask("show"));
});

t("SIGUSR1 prints the table on stderr and changes nothing", async () => {
  await using server = named("B0");
  await using balance = await startControlled(["-f", "PORT", server.address, "127.0.0.1:9:7"], {
    expectStderr: "any",
  });
  assertEquals(await ask(balance.port), "B0");
  const shown = await talk(balance.socket, "show\n");
  balance.kill("SIGUSR1");
  await balance.waitForStderr(/127\.0\.0\.1 {5}9.*\n/);
  assertEquals(balance.stderr, shown);
  assertEquals(await ask(balance.port), "B0");
  assertEquals((await balance.stop()).code, 0);
});

t("SIGUSR1 in the background tells the table to the system's log, a line each", async () => {
  await using log = syslogReceiver();
  await using balance = await startBackground(["PORT", "127.0.0.1:9"], {
    env: { BALANCE_SYSLOG: log.path },
  });
  const shown = await talk(balance.socket, "show\n");
  balance.kill("SIGUSR1");
  const messages = await log.waitFor(2);
  const texts = messages.map((message) => message.replace(/^<29>.{15} balance\[\d+\]: /, ""));
  assertEquals(`${texts.join("\n")}\n`, shown);
});

t("a connection that is being dialed is given its grace time as well", async () => {
  await using server = named("B0");
  await using balance = await startControlled(["-f", "-t", "60", "PORT", server.address]);
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(balance.port)));
  balance.kill("SIGTERM");
  // Those that were accepted are served, those that were not are reset: none is left waiting.
  for (const client of clients) {
    const first = await client.read(new Uint8Array(10)).catch(() => null);
    if (first !== null) await client.closeWrite();
    await readToEnd(client);
    await client.close();
  }
  assertEquals((await balance.ended).code, 0);
});

t("the background ends by the same rules", async () => {
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
