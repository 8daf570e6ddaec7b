/** `--test`: checks whether a start would succeed, without any effect. */

import { systemServices } from "../address/services.ts";
import {
  about,
  aboutLater,
  EXIT,
  ExitError,
  UnavailableError,
  UsageError,
  withName,
} from "../base/errors.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { STDERR, STDOUT } from "../base/stdout.ts";
import type { Options } from "../cli/options.ts";
import { locate } from "../config_file/place.ts";
import { findInstances, type Instance } from "../control/instances.ts";
import { expandFileName, isPerConnection } from "../dump/file_name.ts";
import { fileTime } from "../dump/formats/times.ts";
import { isClassic } from "../dump/settings.ts";
import { bindMessage } from "../engine/bind_message.ts";
import { binderOf } from "../engine/engines.ts";
import { openNames } from "../names/names.ts";
import { absolutePath } from "../native/absolute_path.ts";
import { takeoverHint, testHint } from "../service/in_use.ts";
import { openEntrance } from "../service/listen.ts";
import { isRunning } from "../service/operator_state.ts";
import { checkLogOptions } from "../service/reports.ts";
import { type MetricsSetup, resolveSetup, type Setup } from "../service/resolve_setup.ts";
import { checkOwner } from "../state/owner.ts";
import { readStateFile } from "../state/state_file.ts";
import { takeoverSession } from "../takeover/predecessor.ts";
import { checkControlSocket } from "./control_fault.ts";
import { appendFault, replaceFault, writeFault } from "./file_faults.ts";

/**
 * Checks what a start validates, resolves, binds and opens. Nothing is created, and nothing serves:
 * an address is released as soon as it was bound.
 *
 * @throws {ExitError} As the start would.
 * @see balance(1), option --test
 */
export async function testStart(options: Options): Promise<void> {
  try {
    const setup = await testAddresses(options);
    checkControlSocket(setup.listen);
    testFiles(options, setup.listen.port);
    if (options.statePath !== undefined) await testStateFile(options.statePath, setup.listen);
  } catch (error) {
    throw locate(error, options.places);
  }
}

async function testAddresses(options: Options): Promise<Setup> {
  const binder = binderOf(options.engine);
  const workers = options.dump && isClassic(options.dump) ? 1 : options.workers;
  const names = openNames({ notice() {} });
  try {
    const setup = await resolveSetup(options, {
      services: systemServices(),
      binder,
      names,
      onListen: async (at) => {
        const { engine, freebind: free } = options;
        if (options.takeover && await canTakeOver(at)) return;
        const by = { engine, binder, workers, free };
        const { bound } = await openEntrance(at, by, options.takeover ? takeoverHint : testHint);
        bound?.close();
      },
    });
    const { metrics } = setup;
    if (metrics !== undefined) {
      const from = options.takeover ? "running" : "draining";
      await aboutLater("metrics", testMetrics(metrics, { listen: setup.listen, from }));
    }
    return setup;
  } finally {
    names.close();
  }
}

/** Whether `--takeover` would find a balance; throws as it does. */
async function canTakeOver(at: Endpoint): Promise<boolean> {
  const session = await takeoverSession(at);
  if (typeof session === "string") return false;
  session[Symbol.dispose]();
  return true;
}

/** @param options `from`: the state of a predecessor that releases the address to a successor. */
async function testMetrics(
  at: MetricsSetup,
  { listen, from }: { listen: Endpoint; from: Instance["state"] },
): Promise<void> {
  const bound = binderOf("streams").bind(at);
  if (!("failure" in bound)) return bound.close();
  if (bound.failure === "in use" && await answersAt(listen, from)) return;
  throw new UnavailableError(withName(bindMessage(bound, { ...at, purpose: "metrics" })));
}

/** Whether a balance of this user listens at an address, or did so and drains. */
async function answersAt({ address, port }: Endpoint, state: Instance["state"]): Promise<boolean> {
  const found = await findInstances({ port });
  return found.some((one) =>
    one.at.address === address && one.state === state && one.uid === Deno.uid()
  );
}

function testFiles(options: Options, port: number): void {
  const { log, dump, pidFile } = options;
  checkLogOptions(options);
  if (log !== undefined && ![STDOUT, STDERR, "syslog"].includes(log)) {
    if (log === "") throw new UsageError("invalid --log []: want a file, syslog or -", "log");
    const fault = appendFault(absolutePath(log));
    if (fault !== undefined) throw cannotCreate("log", `can't open log file [${log}]: ${fault}`);
  }
  if (dump !== undefined && dump.file !== STDOUT) {
    about("dump-file", () => testDumpFile(absolutePath(dump.file), port));
  }
  if (pidFile === "") {
    throw new UsageError(withName("invalid --pid-file []: want a file"), "pid-file");
  }
  if (pidFile !== undefined) testReplaced("pid-file", "pid file", pidFile);
}

async function testStateFile(statePath: string, at: Endpoint): Promise<void> {
  const path = absolutePath(statePath);
  testReplaced("state", "state file", path);
  await checkOwner(path, readStateFile(path).owner, { at, isRunning });
}

/** Files of single connections are opened later. */
function testDumpFile(pattern: string, port: number): void {
  if (isPerConnection(pattern)) return;
  const path = expandFileName(pattern, { time: fileTime(Date.now() * 1000), port });
  const fault = replaceFault(path);
  if (fault !== undefined) {
    throw cannotCreate("dump-file", `cannot write dump file [${path}]: ${fault}`);
  }
}

/** A file that is written under another name, which then replaces what is there. */
function testReplaced(option: string, what: string, path: string): void {
  const absolute = absolutePath(path),
    fault = isSpecial(absolute) ? "it is not a regular file" : writeFault(absolute);
  if (fault !== undefined) throw cannotCreate(option, `can't write ${what} [${path}]: ${fault}`);
}

function isSpecial(path: string): boolean {
  try {
    const { isFile, isSymlink } = Deno.lstatSync(path);
    return !isFile && !isSymlink;
  } catch {
    return false;
  }
}

function cannotCreate(option: string, text: string): ExitError {
  return new ExitError(withName(text), EXIT.canNotCreate, option);
}
