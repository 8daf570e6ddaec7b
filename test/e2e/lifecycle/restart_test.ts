/** Stop and start at once: the start waits for its predecessor, and takes over its socket. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { leaveStale } from "../../helpers/control/stale_socket.ts";
import { echo, named } from "../../helpers/net/backends.ts";
import { ask, type Client, connect, readText } from "../../helpers/net/client.ts";
import { controlSession, helloOf, socketPath, talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { isAlive } from "../../helpers/program/process.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { sleep, t, until } from "../../helpers/t.ts";

const CLIENTS = 4;

/** Clients that connect all the time, and try again if they are refused. */
interface Traffic extends AsyncDisposable {
  /** How many connections were reset. */
  readonly resets: number;
  /** How many were served. */
  readonly served: number;
  /** Errors other than a refused or reset connection. */
  readonly errors: readonly string[];
}

function traffic(port: number): Traffic {
  let running = true, served = 0, resets = 0;
  const errors: string[] = [];
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (running) {
      try {
        const answer = await ask(port);
        if (answer === "B0") served++;
        else if (answer === "RST") resets++;
        else errors.push(`answer ${answer}`);
      } catch (error) {
        if (error instanceof Deno.errors.ConnectionReset) resets++;
        else if (!(error instanceof Deno.errors.ConnectionRefused)) errors.push(String(error));
      }
      await sleep(2);
    }
  });
  return {
    get resets() {
      return resets;
    },
    get served() {
      return served;
    },
    errors,
    async [Symbol.asyncDispose]() {
      running = false;
      await Promise.all(clients);
    },
  };
}

const WAYS = {
  SIGTERM: (pid: number) => Deno.kill(pid, "SIGTERM"),
  SIGKILL: (pid: number) => Deno.kill(pid, "SIGKILL"),
  "the command kill": async (_pid: number, at: { port: number; rundir: string }) => {
    const { code, stdout, stderr } = await runBalance(["-c", "kill", "PORT"], at);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^shutdown (complete|started)/);
  },
};

for (
  const [way, restarts] of [["SIGTERM", 20], ["SIGKILL", 6], ["the command kill", 6]] as const
) {
  const kill = WAYS[way];
  t(
    `${restarts} times ${way} and a start at once, under traffic: every start succeeds`,
    async () => {
      await using backend = named("B0");
      using directory = runDirectory();
      const port = freePort(), rundir = directory.path;
      const start = () => startBackground(["PORT", backend.address], { port, rundir });
      await using all = new AsyncDisposableStack();
      let current = all.use(await start());
      await using clients = traffic(port);
      for (let i = 0; i < restarts; i++) {
        const { served } = clients;
        await until(() => clients.served > served + CLIENTS, { timeoutMs: 20_000 });
        await kill(current.pid, { port, rundir });
        // Fails unless the start succeeds.
        const next = all.use(await start());
        assert(next.pid !== current.pid);
        current = next;
      }
      assertMatch(await talk(current.socket, "version\n"), /This is balance/);
      // Under traffic, some clients are in the queue at the moment when the listener is closed.
      // A killed process cuts clients off.
      assertEquals(way === "SIGKILL" ? [] : clients.errors, []);
      if (way !== "SIGKILL") {
        assert(clients.resets < restarts * CLIENTS, `${clients.resets} resets`);
      }
      await until(() => [...Deno.readDirSync(rundir)].length === 1);
    },
  );
}

t("connections of several predecessors go on while the next ones serve", async () => {
  await using backend = echo();
  using directory = runDirectory();
  const port = freePort(), rundir = directory.path;
  const argv = ["--grace", "600", "PORT", backend.address];
  await using all = new AsyncDisposableStack();
  const pids: number[] = [], clients: Client[] = [];
  for (let i = 0; i < 4; i++) {
    const balance = all.use(await startBackground(argv, { port, rundir }));
    pids.push(balance.pid);
    const client = all.use(await connect(port));
    await client.send("x");
    await readText(client, 1);
    clients.push(client);
    if (i < 3) balance.kill("SIGTERM");
  }
  const path = socketPath(rundir, port);
  const old = (pid = 0) => `${path}.old-${pid}`;
  assertEquals(
    [...Deno.readDirSync(rundir)].map(({ name }) => `${rundir}/${name}`).sort(),
    [path, ...pids.slice(0, 3).map(old)].sort(),
  );
  // Each still relays, and answers at its own socket.
  for (const [index, client] of clients.entries()) {
    await client.send(`message ${index}`);
    assertEquals(await readText(client, 9), `message ${index}`);
    if (index === 3) continue;
    using session = await controlSession(old(pids[index]));
    const { pid, stopping, open, port: at } = session.hello;
    assertEquals([pid, stopping, open, at], [pids[index], true, 1, port]);
    assertMatch((await session.ask("conns")).text, /open/);
  }
  assertEquals((await helloOf(path)).pid, pids[3]);
  const { stdout } = await runBalance(["-i", "PORT"], { port, rundir, stdin: { text: "" } });
  assertMatch(stdout, new RegExp(`PID of master process is ${pids[3]}\n`));
  const shown = await runBalance(["--list", "--json"], { port, rundir });
  assertEquals(
    JSON.parse(shown.stdout).map((one: Record<string, unknown>) => [one.pid, one.state, one.open]),
    [
      [pids[3], "running", 1],
      ...pids.slice(0, 3).sort((a, b) => a - b)
        .map((pid) => [pid, "draining", 1]),
    ],
  );
  // With its last connection, a predecessor and its socket are gone.
  for (const [index, client] of clients.slice(0, 3).entries()) {
    await client.close();
    await until(() => !isAlive(pids[index] ?? 0), { what: "a predecessor to end" });
    assertEquals([...Deno.readDirSync(rundir)].length, 3 - index);
  }
  assertEquals((await helloOf(path)).pid, pids[3]);
});

t("a restart with --metrics and an open connection serves the metrics at once", async () => {
  await using backend = echo();
  using directory = runDirectory();
  const port = freePort(), rundir = directory.path, metrics = freePort();
  const argv = ["--metrics", String(metrics), "PORT", backend.address];
  await using first = await startBackground(argv, { port, rundir });
  await using client = await connect(port);
  await client.send("x");
  await readText(client, 1);
  first.kill("SIGTERM");
  await using _second = await startBackground(argv, { port, rundir });
  assert(first.alive());
  const response = await fetch(`http://127.0.0.1:${metrics}/metrics`);
  assertMatch(await response.text(), /^balance_connections\S* 0$/m);
  await client.close();
  await first.gone();
});

t("the start finds a predecessor with another address of the port", async () => {
  await using backend = named("B0");
  using directory = runDirectory();
  const port = freePort(), rundir = directory.path;
  const only = ["-b", "127.0.0.1", "PORT", backend.address];
  await using first = await startBackground(only, { port, rundir, address: "127.0.0.1" });
  first.kill("SIGTERM");
  await using second = await startBackground(["PORT", backend.address], { port, rundir });
  assertEquals(await ask(port), "B0");
  assert(second.alive());
});

t("a port of another program is refused, stale sockets or not", async () => {
  await using other = named("B0", { hostname: "0.0.0.0" });
  using directory = runDirectory();
  const { port } = other, rundir = directory.path;
  for (const stale of [false, true]) {
    if (stale) leaveStale(socketPath(rundir, port));
    const end = await runBalance(["PORT", "127.0.0.1:9"], { port, rundir });
    assertEquals([end.code, end.stderr], [
      69,
      `balance: can't bind local address 0.0.0.0:${port}: address already in use\n`,
    ]);
  }
});

t("of two starts at the same time, exactly one serves", async () => {
  using directory = runDirectory();
  const env = { BALANCE_RUNDIR: directory.path };
  await using first = await startControlled(["-f", "PORT", "127.0.0.1:9"], { env });
  const { port } = first, rundir = directory.path;
  first.kill("SIGTERM");
  const start = () => runBalance(["PORT", "127.0.0.1:9"], { port, rundir });
  const ends = await Promise.all([start(), start(), start()]);
  const { pid } = await helloOf(socketPath(rundir, port));
  try {
    assertEquals(ends.map(({ code }) => code).sort(), [0, 69, 69]);
    for (const { code, stderr } of ends) {
      if (code === 69) assertMatch(stderr, /^balance: can't bind local address .* in use\n$/);
    }
  } finally {
    Deno.kill(pid, "SIGKILL");
    await until(() => !isAlive(pid));
  }
});
