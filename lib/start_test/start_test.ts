/** `--test`: finds out whether a start would succeed, without any effect. */

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
import { findInstances } from "../control/instances.ts";
import { expandFileName, isPerConnection } from "../dump/file_name.ts";
import { fileTime } from "../dump/formats/times.ts";
import { isClassic } from "../dump/settings.ts";
import { bindMessage } from "../engine/bind_message.ts";
import type { Binder } from "../engine/engine.ts";
import { binderOf } from "../engine/engines.ts";
import { openNames } from "../names/names.ts";
import { absolutePath } from "../native/absolute_path.ts";
import { openEntrance } from "../service/listen.ts";
import { checkLogOptions } from "../service/reports.ts";
import { type MetricsSetup, resolveSetup, type Setup } from "../service/resolve_setup.ts";
import { checkControlSocket } from "./control_fault.ts";
import { appendFault, createFault, replaceFault } from "./file_faults.ts";

/** Whether the program that holds an address hands it over to a successor. */
export type HandsOver = (at: Endpoint) => Promise<boolean>;

/** Only `--takeover` makes a balance that does not drain hand over its address. */
const NEVER: HandsOver = () => Promise.resolve(false);

/**
 * Checks what a start validates, resolves, binds and opens. Nothing is created, and nothing serves:
 * an address is released as soon as it was bound.
 *
 * @param handsOver Asked before an address is bound.
 * @throws {ExitError} As the start would.
 * @see balance(1), option --test
 */
export async function testStart(options: Options, handsOver = NEVER): Promise<void> {
  try {
    const setup = await testAddresses(options, handsOver);
    checkControlSocket(setup.listen);
    testFiles(options, setup.listen.port);
  } catch (error) {
    throw locate(error, options.places);
  }
}

async function testAddresses(options: Options, handsOver: HandsOver): Promise<Setup> {
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
        if (await handsOver(at)) return;
        const { bound } = await openEntrance(at, { engine, binder, workers, free });
        bound?.close();
      },
    });
    const { metrics } = setup;
    if (metrics !== undefined && !await handsOver(setup.listen)) {
      await aboutLater("metrics", testMetrics(metrics, setup.listen, binderOf("streams")));
    }
    return setup;
  } finally {
    names.close();
  }
}

/** A predecessor that drains releases the address of the metrics when its successor has started. */
async function testMetrics(
  at: MetricsSetup,
  { address, port }: Endpoint,
  binder: Binder,
): Promise<void> {
  const bound = binder.bind(at);
  if (!("failure" in bound)) return bound.close();
  const here = (await findInstances({ port })).filter((one) => one.at.address === address);
  if (bound.failure === "in use" && here.some(({ state }) => state === "draining")) return;
  throw new UnavailableError(withName(bindMessage(bound, { ...at, purpose: "metrics" })));
}

function testFiles(options: Options, port: number): void {
  const { log, dump, pidFile, statePath } = options;
  checkLogOptions(options);
  if (log !== undefined && ![STDOUT, STDERR, "syslog"].includes(log)) {
    if (log === "") throw new UsageError("invalid --log []: want a file, syslog or -", "log");
    const fault = appendFault(absolutePath(log));
    if (fault !== undefined) throw cannotCreate("log", `can't open log file [${log}]: ${fault}`);
  }
  if (dump !== undefined && dump.file !== STDOUT) {
    about("dump-file", () => testDumpFile(absolutePath(dump.file), port));
  }
  if (statePath !== undefined) testReplaced("state", "state file", absolutePath(statePath));
  if (pidFile === "") {
    throw new UsageError(withName("invalid --pid-file []: want a file"), "pid-file");
  }
  if (pidFile !== undefined) testReplaced("pid-file", "pid file", pidFile);
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
    fault = isSpecial(absolute) ? "it is not a regular file" : createFault(absolute);
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
