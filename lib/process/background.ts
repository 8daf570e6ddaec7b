/**
 * Background mode: the parent starts this program again, detached, and waits until the child has
 * validated, resolved and bound everything. The child's result is the parent's exit code.
 *
 * The child reports it over a Unix socket in the run directory, because its standard descriptors
 * are /dev/null from the start (deviations 13 and 14 in balance(1)).
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
import { REPORT_OPTION } from "../cli/arguments.ts";
import type { Options } from "../cli/options.ts";
import { MEMORY_FLAGS, permissionFlags } from "../system/permissions.ts";
import { prepareDirectory, runDirectories, RunDirectoryError } from "../system/run_directory.ts";
import { openSyslog } from "../system/syslog.ts";
import { bindUnix, removeIfThere } from "../system/unix_socket.ts";
import { startBalancer } from "./balancer.ts";

/** Milliseconds to wait for the result of a child that has exited. */
const LATE_RESULT_MS = 500;
const PATH_VARIABLES = ["BALANCE_RUNDIR", "BALANCE_SYSLOG", "XDG_RUNTIME_DIR", "NOTIFY_SOCKET"];

/** What the child reports to its parent: 0 if it serves, else an exit code and a line to print. */
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
  const env = environment();
  const { listener, path } = listenForResult(env);
  const script = Deno.build.standalone
    ? []
    : ["run", "--quiet", "--no-check", MEMORY_FLAGS, ...permissionFlags(), Deno.mainModule];
  try {
    const child = new Deno.Command("/proc/self/exe", {
      args: [...script, `--${REPORT_OPTION}=${path}`, ...argv],
      env,
      detached: true,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    child.unref();
    const result = await Promise.race([receiveResult(listener), endOf(child)]);
    if (result.code !== EXIT.ok) throw new ExitError(result.text, result.code);
    return EXIT.ok;
  } finally {
    listener.close();
  }
}

/** Variables that name paths, made absolute: the child leaves the working directory. */
function environment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of PATH_VARIABLES) {
    const path = Deno.env.get(name);
    if (path) env[name] = /^[/@]/.test(path) ? path : `${Deno.cwd()}/${path}`;
  }
  return env;
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

/** The result of a child that exited without reporting one. */
async function endOf(child: Deno.ChildProcess): Promise<StartResult> {
  const { code, signal } = await child.status;
  await delay(LATE_RESULT_MS);
  const how = signal ?? `exit code ${code}`;
  return { code: EXIT.software, text: withName(`the background process ended at start (${how})`) };
}

async function receiveResult(listener: Deno.UnixListener): Promise<StartResult> {
  using conn = await listener.accept();
  return JSON.parse(await new Response(conn.readable).text());
}

/**
 * The child: serves, and reports to its parent that it does.
 *
 * @param reportTo The parent's socket.
 * @returns The exit code.
 */
export async function runInBackground(options: Options, reportTo: string): Promise<number> {
  const log = openSyslog();
  try {
    const balancer = await startBalancer(options, {
      notice: (line) => log.log("notice", line),
      debug: options.debug ? (line) => log.log("debug", line) : undefined,
      dropped: () => log.dropped,
    });
    // All paths are absolute by now, so the working directory can be released.
    Deno.chdir("/");
    await sendResult(reportTo, { code: EXIT.ok, text: "" });
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
