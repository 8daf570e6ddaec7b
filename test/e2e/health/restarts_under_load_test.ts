/** Backends that are killed and restarted while clients connect all the time. */

import { assert, assertEquals } from "@std/assert";
import { type BackendProcess, startBackend } from "../../helpers/check/backend_process.ts";
import { linesOf } from "../../helpers/log/log_file.ts";
import { ask } from "../../helpers/net/client.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const RESTARTS = 10;
/** A restart takes seconds on a busy machine; the line must not fill meanwhile. */
const WAIT_S = 60, MAX_CLIENTS = 500;

/** Clients that connect every 5 ms, read a line and leave. */
function load(port: number) {
  const answers: string[] = [], running = new Set<Promise<unknown>>();
  const timer = setInterval(() => {
    if (running.size >= MAX_CLIENTS) return;
    const asked = ask(port, { timeoutMs: WAIT_S * 1000 });
    const one: Promise<unknown> = asked.catch((error) => String(error)).then((answer) => {
      answers.push(answer);
      running.delete(one);
    });
    running.add(one);
  }, 5);
  return {
    answers,
    /** Waits until a client that connects from now on gets this answer. */
    async gets(answer: string): Promise<void> {
      const from = answers.length;
      await until(() => answers.indexOf(answer, from) >= 0, { timeoutMs: 20_000, what: answer });
    },
    async stop(): Promise<void> {
      clearInterval(timer);
      await Promise.all(running);
    },
  };
}

/** Kills a backend and starts it again, while clients connect. */
async function restart(
  server: BackendProcess,
  name: string,
  { balance, clients }: { balance: Controlled; clients: ReturnType<typeof load> },
): Promise<BackendProcess> {
  const changes = (word: string) => balance.stderr.split(`:${server.port} is ${word}:`).length;
  const [downs, ups] = [changes("down"), changes("up")];
  await server.kill();
  await until(() => changes("down") > downs, { timeoutMs: 20_000, what: "the line about down" });
  const next = await startBackend(`${name}\n`, { port: server.port });
  await until(() => changes("up") > ups, { timeoutMs: 20_000, what: "the line about up" });
  await clients.gets(name);
  return next;
}

/**
 * Asserts that only connections are lost which a backend had when it was killed: those in its
 * backlog, too.
 */
async function assertNoneTurnedAway(answers: readonly string[], log: string): Promise<void> {
  await until(() => linesOf(log).length >= answers.length, {
    timeoutMs: 20_000,
    everyMs: 50,
    what: () => `${answers.length} lines instead of ${linesOf(log).length}`,
  });
  const ends = linesOf(log), lost = answers.filter((answer) => !/^B\d$/.test(answer));
  assertEquals(ends.filter((end) => !/ reason=(client|backend)_(closed|reset) /.test(end)), []);
  const cut = ends.filter((end) => / reason=backend_/.test(end));
  assert(lost.length <= cut.length, `${lost.length} lost: ${lost}`);
}

for (const wait of [["--wait", "2"], []]) {
  const option = wait.join(" ") || "no --wait";
  t(
    `one of two backends restarts ten times under load, ${option}: no client is turned away`,
    async () => {
      await using other = await startBackend("B1\n");
      let server = await startBackend("B0\n");
      using dir = tempDir();
      const log = `${dir.path}/log`;
      const argv = ["--check", "tcp", "--interval", "0.2", ...wait, "--log", log, "PORT"];
      await using balance = await startControlled(["-f", ...argv, server.address, other.address], {
        expectStderr: "any",
      });
      const clients = load(balance.port);
      try {
        await clients.gets("B0");
        for (let i = 0; i < RESTARTS; i++) {
          server = await restart(server, "B0", { balance, clients });
        }
      } finally {
        await clients.stop();
        await server.kill();
      }
      assert(clients.answers.length > 25 * RESTARTS, `${clients.answers.length} clients`);
      await assertNoneTurnedAway(clients.answers, log);
    },
  );
}

t("--wait: a restart of the only backend turns no client away", async () => {
  let server = await startBackend("B0\n");
  using dir = tempDir();
  const log = `${dir.path}/log`;
  const wait = ["--wait", `${WAIT_S}`];
  const argv = ["--check", "tcp", "--interval", "0.2", ...wait, "--log", log, "PORT"];
  await using balance = await startControlled(["-f", ...argv, server.address], {
    expectStderr: "any",
  });
  const clients = load(balance.port);
  try {
    await clients.gets("B0");
    for (let i = 0; i < 2; i++) server = await restart(server, "B0", { balance, clients });
  } finally {
    await clients.stop();
    await server.kill();
  }
  await assertNoneTurnedAway(clients.answers, log);
});
