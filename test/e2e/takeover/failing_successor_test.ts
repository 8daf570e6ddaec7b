/** A successor that fails: the running balance keeps serving, and no client notices. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { helloOf, talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { listenersOn } from "../../helpers/net/tcp_sockets.ts";
import { isAlive } from "../../helpers/program/process.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { type Background, startBackground } from "../../helpers/program/start_background.ts";
import { program } from "../../helpers/program/program.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { startLoad } from "../../helpers/takeover/load.ts";
import { successorSession } from "../../helpers/takeover/successor_session.ts";
import { t, until, withTools } from "../../helpers/t.ts";
import { namesIn } from "../../helpers/temp_dir.ts";

/** Runs a story with a balance under load, which must not notice it. */
async function undisturbed(
  story: (
    at: { balance: Background; backend: string; port: number; rundir: string },
  ) => Promise<void>,
): Promise<void> {
  await using backend = named("B0");
  using directory = runDirectory();
  const port = freePort(), rundir = directory.path;
  await using balance = await startBackground(["PORT", backend.address], { port, rundir });
  await using load = startLoad(port, { clients: 10, transfers: 10, transferMs: 500 });
  await until(() => load.served > 10);
  await story({ balance, backend: backend.address, port, rundir });
  const { served } = load;
  await until(() => load.served > served + 20);
  await load.end();
  assertEquals(load.errors, {});
  assertEquals((await helloOf(balance.socket)).pid, balance.pid);
  assertMatch(await talk(balance.socket, "version\n"), /This is balance/);
  assertEquals((await helloOf(balance.socket)).stopping, false);
}

const WRONG: Readonly<Record<string, readonly [argv: readonly string[], error: RegExp]>> = {
  "a bad option": [["--grace", "x", "PORT", "127.0.0.1"], /invalid --grace/],
  "an invalid channel": [["PORT", "127.0.0.1:99999"], /invalid/],
  "an unknown host": [["PORT", "does-not-exist.invalid"], /does-not-exist.invalid/],
  "a log that cannot be opened": [["--log", "/does-not-exist/log", "PORT"], /does-not-exist/],
  "a pid file that cannot be written": [["--pid-file", "/nowhere/pid", "PORT"], /nowhere/],
  "an address of metrics in use": [["--metrics", "PORT", "PORT", "127.0.0.1"], /metrics/],
};

for (const [what, [argv, error]] of Object.entries(WRONG)) {
  t(`a successor with ${what} fails, and the running balance keeps serving`, async () => {
    await undisturbed(async (at) => {
      const { code, stderr } = await runBalance(["--takeover", ...argv], at);
      assert(code !== 0);
      assertMatch(stderr, error);
    });
  });
}

/** When a successor is killed. Each call of listen(2) takes long in it. */
const STAGES: Readonly<Record<string, (at: { rundir: string; port: number }) => boolean>> = {
  "it has opened its control socket": ({ rundir }) => successorIn(rundir) !== undefined,
  "it listens": ({ port }) => listenersOn(port) > 1,
};

for (const [when, hasHappened] of Object.entries(STAGES)) {
  withTools(
    ["strace"],
    `a successor that is killed when ${when} leaves the running balance serving`,
    () =>
      undisturbed(async (at) => {
        for (let i = 0; i < 3; i++) await killedSuccessor(at, hasHappened);
      }),
  );
}

async function killedSuccessor(
  { backend, port, rundir }: { backend: string; port: number; rundir: string },
  hasHappened: (at: { rundir: string; port: number }) => boolean,
): Promise<void> {
  const { command, args } = program();
  const slow = ["-f", "-qq", "-o", "/dev/null", "-e", "inject=listen:delay_exit=500000"];
  const child = new Deno.Command("strace", {
    args: [...slow, command, ...args, "-f", "--takeover", String(port), backend],
    env: { BALANCE_RUNDIR: rundir },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await until(() => hasHappened({ rundir, port }), { timeoutMs: 30_000 });
  const found = successorIn(rundir)!;
  Deno.kill(found.pid, "SIGKILL");
  await child.status;
  await until(() => !isAlive(found.pid));
  // Its socket is removed by the next one.
  assertEquals(privateNames(rundir).length, 1);
}

/** A program that has opened its control socket, which has no public name yet. */
function successorIn(rundir: string): { pid: number } | undefined {
  const names = privateNames(rundir).map((name) => ({ pid: Number(name.split(".")[2]) }));
  return names.find(({ pid }) => isAlive(pid));
}

function privateNames(rundir: string): string[] {
  return namesIn(rundir).filter((name) => name.startsWith(".control."));
}

/** A process ID that no process has any longer. */
async function deadPid(): Promise<number> {
  const child = new Deno.Command("true").spawn();
  await child.status;
  return child.pid;
}

t("a successor that ends its session at any stage leaves the running balance serving", async () => {
  await undisturbed(async ({ balance: { socket } }) => {
    for (let stage = 0; stage < 4; stage++) {
      using one = await successorSession(socket);
      await one.send(".takeover");
      if (stage === 0) continue;
      assertEquals((await one.line()).type, "begun");
      if (stage === 1) continue;
      await one.send(JSON.stringify({ type: "listen" }));
      assertEquals((await one.line()).type, "steered");
      if (stage === 2) continue;
      await one.send(JSON.stringify({ type: "commit", pid: await deadPid() }));
      assertEquals((await one.line()).type, "committed");
    }
    // The last one has died after it had taken over: the balance continues within a moment.
    await until(async () => (await begins(socket)) === "begun");
  });
});

async function begins(socket: string): Promise<string> {
  using one = await successorSession(socket);
  await one.send(".takeover");
  return (await one.line())?.type;
}

t("nonsense in the session of a takeover ends it", async () => {
  await undisturbed(async ({ balance: { socket, pid } }) => {
    for (const text of ["", "{", "null", '{"type":"commit"}', "x".repeat(10_000)]) {
      await until(async () => {
        using one = await successorSession(socket);
        await one.send(".takeover");
        if ((await one.line())?.type !== "begun") return false;
        await one.send(text);
        return (await one.line()) === undefined;
      });
    }
    assert(isAlive(pid));
  });
});
