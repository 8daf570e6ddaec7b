/**
 * Background mode: the parent starts this program again, detached, with the same command line, and
 * waits until the child has validated, resolved and bound everything. The child's result is the
 * parent's exit code.
 *
 * The child reports it over a Unix socket in the run directory, because its standard descriptors
 * are /dev/null from the start (deviations 13 and 14 in balance(1)). An environment variable names
 * the socket.
 */

import { delay } from "@std/async/delay";
import { writeAll } from "../base/bytes.ts";
import {
  EXIT,
  ExitError,
  messageOf,
  systemReason,
  UnavailableError,
  withName,
} from "../base/errors.ts";
import type { Options } from "../cli/options.ts";
import { type Daemon, spawnAgain, SpawnError } from "../native/spawn.ts";
import { absolutePath } from "../native/absolute_path.ts";
import {
  MEMORY_FLAGS,
  PATH_VARIABLES,
  permissionFlags,
  REPORT_VARIABLE,
} from "../system/permissions.ts";
import { prepareDirectory, runDirectories, RunDirectoryError } from "../system/run_directory.ts";
import { openSyslog } from "../system/syslog.ts";
import { printErrorLine } from "../system/output.ts";
import { bindUnix, removeIfThere } from "../system/unix_socket.ts";
import { startBalancer } from "../service/balancer.ts";

/** Milliseconds to wait for the result of a child that has exited. */
const LATE_RESULT_MS = 500;
/** Milliseconds between two checks whether the child has exited. */
const CHECK_MS = 20;

/** What the child reports to its parent: 0 if it serves, or an exit code; and lines to print. */
interface StartResult {
  readonly code: number;
  readonly text: string;
}

/**
 * The parent: starts the child and waits for its result.
 *
 * @param argv The command line, already validated.
 * @returns The exit code.
 * @throws {ExitError} With the child's message and code if it could not start.
 */
export async function goToBackground(argv: readonly string[]): Promise<number> {
  const env = pathVariables();
  const { listener, path } = listenForResult(env);
  const variables = { ...env, [REPORT_VARIABLE]: path };
  const decided = new AbortController();
  try {
    const child = startChild(argv, variables);
    const result = await Promise.race([
      receiveResult(listener),
      endOf(child, decided.signal),
    ]);
    if (result.code !== EXIT.ok) throw new ExitError(result.text, result.code);
    if (result.text !== "") printErrorLine(result.text);
    return EXIT.ok;
  } finally {
    decided.abort();
    listener.close();
  }
}

/** Variables that name paths, made absolute: the child leaves the working directory. */
function pathVariables(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of PATH_VARIABLES) {
    const path = Deno.env.get(name);
    if (path) env[name] = path.startsWith("@") ? path : absolutePath(path);
  }
  return env;
}

/** @throws {ExitError} If the system cannot start a process. */
function startChild(argv: readonly string[], variables: Readonly<Record<string, string>>): Daemon {
  try {
    return spawnAgain(variables) ?? startCommand(argv, variables);
  } catch (error) {
    const reason = error instanceof SpawnError ? error.message : systemReason(error);
    throw new ExitError(withName(`can't start the background process: ${reason}`), EXIT.osErr);
  }
}

/**
 * Starts the child without the C library (from source without `--allow-ffi`). Its command line
 * then starts with `/proc/self/exe`, and the user must be allowed to enter the working directory.
 */
function startCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Daemon {
  const script = Deno.build.standalone
    ? []
    : ["run", "--quiet", "--no-check", MEMORY_FLAGS, ...permissionFlags(), Deno.mainModule];
  const child = new Deno.Command("/proc/self/exe", {
    args: [...script, ...argv],
    env,
    detached: true,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  child.unref();
  let end: string | undefined;
  child.status.then(({ code, signal }) => end = signal ?? `exit code ${code}`);
  return { end: () => end };
}

/** Listens in the first run directory that can be used. */
function listenForResult(
  env: Readonly<Record<string, string>>,
): { listener: Deno.UnixListener; path: string } {
  const reasons: string[] = [];
  for (const directory of runDirectories((name) => env[name])) {
    const path = `${directory.path}/.start.${Deno.pid}`;
    try {
      prepareDirectory(directory);
      // A parent with the same process ID may have been killed and left it.
      removeIfThere(path);
      return { listener: bindUnix(path, 0o600), path };
    } catch (error) {
      const isUnusable = error instanceof RunDirectoryError;
      if (isUnusable && directory.explicit) throw error;
      reasons.push(isUnusable ? error.reason : `can't create [${path}]: ${systemReason(error)}`);
    }
  }
  throw new UnavailableError(withName(`can't go to the background: ${reasons.join("; ")}`));
}

/** The result of a child that exited without reporting one. Rejects once `decided` is aborted. */
async function endOf(child: Daemon, decided: AbortSignal): Promise<StartResult> {
  while (child.end() === undefined) await delay(CHECK_MS, { signal: decided });
  await delay(LATE_RESULT_MS, { signal: decided });
  const text = withName(`the background process ended at start (${child.end()})`);
  return { code: EXIT.software, text };
}

async function receiveResult(listener: Deno.UnixListener): Promise<StartResult> {
  using conn = await listener.accept();
  return JSON.parse(await new Response(conn.readable).text());
}

/**
 * The socket that the parent of this process listens on; `undefined` in the parent. The variable is
 * removed, so that no other process inherits it.
 */
export function takeReportSocket(): string | undefined {
  const path = Deno.env.get(REPORT_VARIABLE);
  if (path !== undefined) Deno.env.delete(REPORT_VARIABLE);
  return path || undefined;
}

/**
 * The child: serves, and reports to its parent that it does.
 *
 * @param parts `reportTo`: the parent's socket; `reread`: see `startBalancer()`.
 * @returns The exit code.
 */
export async function runInBackground(
  options: Options,
  { reportTo, reread }: { reportTo: string; reread: () => Options },
): Promise<number> {
  const log = openSyslog(), starting: string[] = [];
  try {
    const balancer = await startBalancer(options, {
      notice: (line) => log.log("notice", line),
      starting(line) {
        log.log("notice", line);
        starting.push(line);
      },
      debug: options.debug ? (line) => log.log("debug", line) : undefined,
      dropped: () => log.dropped,
    }, reread);
    // All paths are absolute by now, so the working directory can be released.
    Deno.chdir("/");
    await sendResult(reportTo, { code: EXIT.ok, text: starting.join("\n") });
    return await balancer.ended;
  } catch (error) {
    const code = error instanceof ExitError ? error.exitCode : EXIT.software;
    const text = error instanceof ExitError ? error.message : withName(messageOf(error));
    if (text !== "") log.log("notice", text);
    await sendResult(reportTo, { code, text });
    return code;
  } finally {
    await log.close();
  }
}

async function sendResult(path: string, result: StartResult): Promise<void> {
  try {
    using conn = await Deno.connect({ transport: "unix", path });
    await writeAll(conn, new TextEncoder().encode(JSON.stringify(result)));
  } catch { /* the parent is gone; serve anyway */ }
}
