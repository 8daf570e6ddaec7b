/**
 * No signal makes the program listen anywhere or print messages of the runtime: since 2.9.2, Deno opens
 * a debugger on SIGUSR1.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { opensDebugger } from "../../../lib/native/debugger.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { listeningPorts, listensOn } from "../../helpers/net/tcp_sockets.ts";
import { catchesSignal, ignoresSignal, isAlive } from "../../helpers/program/process.ts";
import { program, sourceFlags } from "../../helpers/program/program.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { skip, sleep, t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const MAIN = new URL("../../../main.ts", import.meta.url).pathname;
const DEAD = "127.0.0.1:9";
const DEBUGGER_PORT = 9229, SIGUSR1 = 10;
/** Milliseconds after the start. Deno sets its handler after half a second. */
const MOMENTS = [0, 600, 1500, 3000];
/** Milliseconds from the last signal to the last look; the debugger takes less than 10. */
const AFTER_MS = 200;
/** How many processes start at the same time; more would not start in half a second. */
const STARTING = 2;

/** The signals that the program handles or ignores. */
const HANDLED = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"] as const;
/** The others, on which the system ends or stops a process, or does nothing. */
const OTHERS = [
  ...["SIGABRT", "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCONT", "SIGFPE", "SIGILL", "SIGIO"] as const,
  ...["SIGPIPE", "SIGPROF", "SIGPWR", "SIGSEGV", "SIGSTKFLT", "SIGSYS", "SIGTRAP"] as const,
  ...["SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGVTALRM", "SIGWINCH", "SIGXCPU"] as const,
  "SIGXFSZ" as const,
];
/** What the program prints by itself: its messages, and the table on SIGQUIT. */
const OWN_WORDS = /^(balance: .*\n|GRP Type .*\n| +0 +RR .*\n)*$/;

/** Which signal a new process gets, and when. */
interface Case {
  readonly signal: Deno.Signal;
  readonly moments: readonly number[];
}

const CASES: readonly Case[] = [
  ...HANDLED.flatMap((signal) => MOMENTS.map((moment) => ({ signal, moments: [moment] }))),
  { signal: "SIGUSR1", moments: MOMENTS.slice(1) },
  ...OTHERS.map((signal) => ({ signal, moments: [1000] })),
];
const SHELL_CASES: readonly Case[] = [
  ...MOMENTS.map((moment): Case => ({ signal: "SIGUSR1", moments: [moment] })),
  ...HANDLED.map((signal) => ({ signal, moments: [1000] })),
];

let starting: Promise<unknown>[] = [];

/** Starts a process when fewer than {@link STARTING} are starting. */
async function spawn(argv: readonly string[], rundir: string): Promise<Deno.ChildProcess> {
  while (starting.length >= STARTING) await Promise.race(starting);
  const { command, args } = program({ cachedOnly: true });
  const child = new Deno.Command(command, {
    args: [...args, ...argv],
    env: { BALANCE_RUNDIR: rundir, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
    detached: true,
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const started = until(() => ignoresSignal(child.pid, SIGUSR1) || !isAlive(child.pid), {
    timeoutMs: 30_000,
    what: "SIGUSR1 to be ignored",
  }).finally(() => starting = starting.filter((one) => one !== started));
  starting.push(started);
  return child;
}

/** Runs one case, and asserts that nothing new listens and that stderr has only own words. */
async function play(argv: readonly string[], at: { port?: number; rundir: string }, one: Case) {
  const { signal, moments } = one;
  const child = await spawn(argv, at.rundir);
  const begin = performance.now();
  const own = [...starting];
  const stderr = new Response(child.stderr).text();
  const alive = () => isAlive(child.pid);
  for (const moment of moments) {
    if (moment > 0) await Promise.all(own);
    await sleep(Math.max(0, begin + moment - performance.now()));
    for (let twice = 0; twice < 2 && alive(); twice++) child.kill(signal);
  }
  await sleep(AFTER_MS);
  const others = listeningPorts(child.pid).filter((each) => each !== at.port);
  if (alive()) child.kill("SIGKILL");
  await child.status;
  await child.stdin.close().catch(() => {});
  const what = `${argv[0]}: ${signal} after ${moments} ms`;
  assertEquals(others, [], what);
  assertMatch(await stderr, OWN_WORDS, what);
}

async function playForeground(): Promise<void> {
  using rundir = tempDir();
  await Promise.all(CASES.map((one) => {
    const port = freePort();
    return play(["-f", String(port), DEAD], { port, rundir: rundir.path }, one);
  }));
}

async function playShell(): Promise<void> {
  using rundir = tempDir();
  await using served = await startBackground(["PORT", DEAD], { rundir: rundir.path });
  const argv = ["-i", String(served.port)];
  await Promise.all(SHELL_CASES.map((one) => play(argv, { rundir: rundir.path }, one)));
}

async function playBackground(): Promise<void> {
  await using balance = await startBackground(["PORT", DEAD]);
  const { pid, port } = balance;
  assert(ignoresSignal(pid, SIGUSR1));
  const begin = performance.now();
  for (const moment of MOMENTS) {
    await sleep(Math.max(0, begin + moment - performance.now()));
    for (const signal of ["SIGUSR1", "SIGHUP", "SIGQUIT", "SIGUSR2", "SIGUSR1"] as const) {
      balance.kill(signal);
    }
  }
  await sleep(AFTER_MS);
  // One listener for each worker.
  assertEquals(listeningPorts(pid).filter((each) => each !== port), []);
  assert(balance.alive());
}

t(
  "no signal opens a port or makes the runtime print, in server, background and shell",
  async () => {
    const before = listensOn(DEBUGGER_PORT);
    await Promise.all([playBackground(), playShell(), playForeground()]);
    assertEquals(listensOn(DEBUGGER_PORT), before);
  },
);

const SOURCE = Deno.env.get("BALANCE_BIN") === undefined;
if (!SOURCE) skip("a debugger that cannot be prevented", "the executable has its permissions");
else {
  t("without permission for the C library, Deno with a debugger is refused", async () => {
    const args = sourceFlags({ cachedOnly: true }).filter((word) => !/^--allow-ffi/.test(word));
    const { code, stdout, stderr } = await runProgram(Deno.execPath(), [
      ...args,
      MAIN,
      "--version",
    ]);
    if (!opensDebugger(Deno.version.deno)) {
      assertEquals([code, stderr], [0, ""]);
      return;
    }
    assertEquals([code, stdout], [71, ""]);
    assertMatch(stderr, /^balance: .* SIGUSR1 from opening a debugger: Deno needs --allow-ffi\n$/);
  });
}

if (!SOURCE || !opensDebugger(Deno.version.deno)) {
  skip("a debugger that was opened too early", "this Deno opens none");
} else {
  t("a debugger that was opened before SIGUSR1 is ignored ends the start", async () => {
    using dir = tempDir();
    const slow = `${dir.path}/slow.ts`;
    Deno.writeTextFileSync(slow, "await new Promise((done) => setTimeout(done, 1500));");
    const args = [...sourceFlags({ cachedOnly: true }), `--preload=${slow}`, MAIN];
    const child = new Deno.Command(Deno.execPath(), {
      args: [...args, "-f", String(freePort()), DEAD],
      env: { BALANCE_RUNDIR: dir.path, DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const stderr = new Response(child.stderr).text();
    await until(() => catchesSignal(child.pid, SIGUSR1), { what: "the debugger's handler" });
    child.kill("SIGUSR1");
    assertEquals((await child.status).code, 71);
    assertMatch(
      await stderr,
      /^balance: .* opening a debugger: the signal arrived too early, see ws:.*\n$/,
    );
  });
}
