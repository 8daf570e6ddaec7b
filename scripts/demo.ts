/**
 * `deno task demo`: shows in a few seconds what balance does. Three backends on loopback answer with
 * their names, balance runs in front of them as a separate process, and a client counts the answers
 * while one backend is stopped and started again.
 *
 * Exits with 0 only if every result is as expected, and with 130 after Ctrl-C.
 *
 * @module
 */
import { bold, dim, green, red, setColorEnabled } from "@std/fmt/colors";
import { messageOf } from "../lib/base/errors.ts";
import { named } from "../test/helpers/net/backends.ts";
import { ask, tally } from "../test/helpers/net/client.ts";
import { freePort } from "../test/helpers/net/ports.ts";
import { program } from "../test/helpers/program/program.ts";
import { until } from "../test/helpers/t.ts";

/** Connections in each situation; divisible by 2 and 3, so that the backends get equal shares. */
const CONNECTIONS = 12;
/** Time limit in milliseconds; long, because the first start on a machine may fetch modules. */
const START_MS = 60_000;
/** Milliseconds after SIGTERM before SIGKILL. */
const STOP_MS = 5_000;
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/** The result of one situation. */
interface Observation {
  situation: string;
  expected: string;
  seen: string;
}

async function demo(interrupted: AbortSignal): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const [b0, b1, b2] = [named("B0"), named("B1"), named("B2")];
  for (const backend of [b0, b1, b2]) stack.use(backend);
  // For the control socket, away from those of real instances.
  const rundir = await Deno.makeTempDir({ prefix: "balance-demo-" });
  stack.defer(() => Deno.remove(rundir, { recursive: true }));
  const balance = stack.use(startBalance(rundir, [b0.address, b1.address, b2.address]));
  // Every wait below ends when balance stops.
  interrupted.addEventListener("abort", () => void balance.stop());

  console.log(`${bold("balance: round robin and failover")}

Three backends listen on loopback; each sends its name. In front of them runs

    balance ${balance.argv.join(" ")}

and a client connects to it ${CONNECTIONS} times in each of three situations:
`);

  const observations: Observation[] = [];
  async function observe(situation: string, expected: string): Promise<void> {
    const names: string[] = [];
    while (names.length < CONNECTIONS) {
      names.push(await balance.ask());
      interrupted.throwIfAborted();
    }
    console.log(`  ${situation.padEnd(18)}${names.join(" ")}`);
    observations.push({ situation, expected, seen: tally(names) });
  }

  await observe("all three up", "B0: 4, B1: 4, B2: 4");
  await b1.stop();
  await observe("B1 stopped", "B0: 6, B2: 6");
  stack.use(await startAgain("B1", b1.port));
  await observe("B1 back again", "B0: 4, B1: 4, B2: 4");
  const complaint = await balance.stop();
  interrupted.throwIfAborted();

  printTable(observations);
  const wrong = observations.filter((one) => one.seen !== one.expected)
    .map((one) => `${one.situation}: expected ${one.expected}, got ${one.seen}`);
  if (complaint !== "") wrong.push(complaint);
  if (wrong.length > 0) {
    console.log(`\n${wrong.map((line) => red(line)).join("\n")}`);
    return 1;
  }
  console.log("\nNo connection failed while B1 was down: the other backends took over its share.");
  printOwnHosts();
  return 0;
}

function printTable(rows: readonly Observation[]): void {
  const heading = { situation: "situation", seen: "connections seen", expected: "expected" };
  const keys = ["situation", "seen", "expected"] as const;
  const widths = keys.map((key) => Math.max(...[heading, ...rows].map((row) => row[key].length)));
  function line(row: Observation): string {
    return `  ${keys.map((key, index) => row[key].padEnd(widths[index] ?? 0)).join("   ")}`;
  }
  console.log(`\n${dim(line(heading).trimEnd())}`);
  for (const row of rows) {
    console.log(`${line(row)}   ${row.seen === row.expected ? green("ok") : red("DIFFERS")}`);
  }
}

function printOwnHosts(): void {
  console.log(`
${bold("The same with your own hosts")}

    npx -y deno@2.9.6 task -q balance -f 8080 host1:80 host2:80 ! host3:80

listens on port 8080 and distributes connections to host1 and host2 by round robin, and to host3
if neither of them can be reached. Ctrl-C stops it; task -q balance --help prints all options.`);
}

interface RunningBalance extends AsyncDisposable {
  argv: string[];
  /** Connects through balance, and returns the backend's name. The first call waits for balance. */
  ask(): Promise<string>;
  /** Stops the process. @returns What went wrong with it; empty if nothing did. */
  stop(): Promise<string>;
}

function startBalance(rundir: string, addresses: string[]): RunningBalance {
  const port = freePort();
  const argv = ["-f", "-b", "127.0.0.1", String(port), ...addresses];
  const { command, args } = program();
  const child = new Deno.Command(command, {
    args: [...args, ...argv],
    env: { DENO_NO_UPDATE_CHECK: "1", BALANCE_RUNDIR: rundir },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let running = true;
  const ended = child.output().finally(() => running = false);

  let stopped = false;
  async function stop(): Promise<string> {
    if (running) {
      stopped = true;
      child.kill("SIGTERM");
    }
    const killer = setTimeout(() => running && child.kill("SIGKILL"), STOP_MS);
    const { stderr, code, signal } = await ended;
    clearTimeout(killer);
    const text = new TextDecoder().decode(stderr).trim();
    if (text !== "") return `balance wrote to stderr: ${text}`;
    if (signal === "SIGKILL") return "balance did not stop after SIGTERM";
    return stopped ? "" : `balance stopped by itself with exit code ${code}`;
  }

  // A separate connection to see whether it listens would shift the rotation. So the first one that
  // is not refused already counts.
  let up = false;
  async function askOnceUp(): Promise<string> {
    const name = up ? await ask(port) : await until(() => askUnlessRefused(port), {
      timeoutMs: running ? START_MS : 0,
      everyMs: 20,
      what: "balance to listen",
    });
    up = true;
    return name;
  }

  return { argv, ask: askOnceUp, stop, [Symbol.asyncDispose]: async () => void await stop() };

  async function askUnlessRefused(port: number): Promise<string | undefined> {
    try {
      return await ask(port);
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      if (running) return undefined;
      throw new Error(await stop());
    }
  }
}

/** Listens again on a port; after the close, the system may need a moment to release it. */
async function startAgain(name: string, port: number): Promise<AsyncDisposable> {
  return await until(() => {
    try {
      return named(name, { port });
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) return undefined;
      throw error;
    }
  }, { what: `port ${port} to become free again` });
}

/** Runs the demo, and stops balance after a signal too. */
async function main(): Promise<number> {
  setColorEnabled(Deno.stdout.isTerminal() && !Deno.noColor);
  const interruption = new AbortController();
  for (const signal of SIGNALS) {
    Deno.addSignalListener(signal, () => interruption.abort(new Error("interrupted")));
  }
  try {
    return await demo(interruption.signal);
  } catch (error) {
    const message = interruption.signal.aborted ? "interrupted" : messageOf(error);
    console.error(red(`demo: ${message}`));
    return interruption.signal.aborted ? 130 : 1;
  }
}

if (import.meta.main) Deno.exit(await main());
