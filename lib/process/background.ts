/**
 * Going to the background: the parent starts this program again, detached, and waits until the child
 * has validated, resolved and bound everything. The child's result is the parent's exit code.
 *
 * The child reports it over a Unix socket in the run directory, because its standard descriptors are
 * the null device from the start (deviations 13 and 14 in balance(1)).
 */

import { writeAll } from "../base/bytes.ts";
import { EXIT, ExitError, messageOf, UnavailableError, withName } from "../base/errors.ts";
import { REPORT_OPTION } from "../cli/arguments.ts";
import type { Options } from "../cli/options.ts";
import { prepareDirectory, runDirectories, type RunDirectory } from "../system/run_directory.ts";
import { MEMORY_FLAGS, permissionFlags } from "../system/permissions.ts";
import { openSyslog } from "../system/syslog.ts";
import { bindUnix, removeIfThere } from "../system/unix_socket.ts";
import { startBalancer } from "./balancer.ts";

/** Milliseconds that the result of an ended child may take to arrive. */
const LATE_RESULT_MS = 500;
const PATH_VARIABLES = ["BALANCE_RUNDIR", "BALANCE_SYSLOG", "XDG_RUNTIME_DIR", "NOTIFY_SOCKET"];

/** How the start of the child went, as it reports it to its parent. */
interface StartResult {
  /** 0 if it serves. */
  readonly code: number;
  /** The line to print if it does not. */
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
  const { listener, path } = listenForResult(runDirectories((name) => env[name]));
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

/** The first run directory that can be used holds the socket. */
function listenForResult(
  directories: readonly RunDirectory[],
): { listener: Deno.UnixListener; path: string } {
  const reasons: string[] = [];
  for (const directory of directories) {
    try {
      return listenIn(directory);
    } catch (error) {
      if (directory.explicit && error instanceof ExitError) throw error;
      reasons.push(messageOf(error));
    }
  }
  throw new UnavailableError(withName(`can't go to the background: ${reasons.join("; ")}`));
}

function listenIn(directory: RunDirectory): { listener: Deno.UnixListener; path: string } {
  prepareDirectory(directory);
  const path = `${directory.path}/.start.${Deno.pid}`;
  // A parent that was killed may have left it. It had our process id, so it is gone.
  removeIfThere(path);
  return { listener: bindUnix(path, 0o600), path };
}

/** The result of a child that ended without reporting one. */
async function endOf(child: Deno.ChildProcess): Promise<StartResult> {
  const { code, signal } = await child.status;
  await new Promise((resolve) => setTimeout(resolve, LATE_RESULT_MS));
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
 * @param options The command line.
 * @param reportTo The parent's socket.
 * @returns The exit code.
 */
export async function runInBackground(options: Options, reportTo: string): Promise<number> {
  const log = openSyslog();
  try {
    const balancer = await startBalancer(options, {
      notice: (line) => log.log("notice", line),
      debug: options.debug ? (line) => log.log("debug", line) : undefined,
      isStderr: false,
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
  } catch { /* the parent is gone; serve all the same */ }
}
