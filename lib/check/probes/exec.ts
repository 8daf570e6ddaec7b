import { settlesWithin } from "../../base/within.ts";
import { failed, failedWith, passed, type Verdict } from "./verdict.ts";

/** Milliseconds that a program has to end after it was killed. */
const KILLED_MS = 100;

/** What the program gets in environment variables. */
export interface ExecTarget {
  readonly host: string;
  readonly port: number;
  readonly group: number;
  readonly channel: number;
  readonly connections: number;
}

/**
 * Runs a program, without a shell. It passes with exit code 0. Its standard streams are /dev/null,
 * its environment has only `PATH` and the variables about the channel.
 *
 * @param signal Kills it and all of its process group.
 */
export async function checkExec(
  [program = "", ...args]: readonly string[],
  target: ExecTarget,
  signal: AbortSignal,
): Promise<Verdict> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args,
      clearEnv: true,
      env: variablesOf(target),
      // In a session of its own, so that its children can be killed with it.
      detached: true,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  } catch (error) {
    return spawnFailure(error, program);
  }
  const aborted = Promise.withResolvers<undefined>();
  const kill = () => {
    killGroup(child);
    aborted.resolve(undefined);
  };
  signal.addEventListener("abort", kill);
  if (signal.aborted) kill();
  try {
    const status = await Promise.race([child.status, aborted.promise]);
    if (status !== undefined) return verdictOf(status);
    // A process that does not end although it was killed must not delay the result.
    await settlesWithin(child.status, KILLED_MS);
    throw signal.reason;
  } finally {
    signal.removeEventListener("abort", kill);
  }
}

function verdictOf({ code, signal }: Deno.CommandStatus): Verdict {
  if (signal !== null) return failed(`killed by ${signal}`);
  return code === 0 ? passed("exit code 0") : failed(`exit code ${code}`);
}

function variablesOf(target: ExecTarget): Record<string, string> {
  const path = Deno.env.get("PATH");
  return {
    ...(path === undefined ? {} : { PATH: path }),
    BALANCE_HOST: target.host,
    BALANCE_PORT: `${target.port}`,
    BALANCE_GROUP: `${target.group}`,
    BALANCE_CHANNEL: `${target.channel}`,
    BALANCE_CONNECTIONS: `${target.connections}`,
  };
}

function killGroup(child: Deno.ChildProcess): void {
  for (const pid of [-child.pid, child.pid]) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch { /* it has ended */ }
  }
}

function spawnFailure(error: unknown, program: string): Verdict {
  if (error instanceof Deno.errors.NotFound) return failed(`not found: ${program}`);
  if (error instanceof Deno.errors.NotCapable) return failed("not allowed to run programs");
  return failedWith(
    new Error(String((error as Error).message).replace(/^Failed to spawn '.*': /s, "")),
  );
}
