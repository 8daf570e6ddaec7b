import type { AdmissionSetup } from "../admission/gate.ts";
import { EXIT, ExitError, withName } from "../base/errors.ts";
import { counted } from "../base/integers.ts";
import type { BackendOptions } from "../cli/backend_options.ts";
import type { ConnectionOptions } from "../connection/context.ts";
import type { Options } from "../cli/options.ts";
import { isPerConnection } from "../dump/file_name.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { processLimits } from "../native/process.ts";
import { type LineHandle, newLine } from "../wait_line/line_memory.ts";
import type { PassiveRules } from "../schedule/verdict.ts";
import { connectionLimits, neededLimit } from "../system/capacity.ts";
import type { Messages } from "../system/messages.ts";
import type { Table } from "../table/table.ts";
import type { PlaneDump } from "./dump_order.ts";
import type { WorkerReports } from "./monitor.ts";
import type { ServingChange, ServingOptions, WorkerSetup } from "./protocol.ts";

/** The wait line of `--wait`; `undefined` without it. */
export function openLine({ wait }: BackendOptions): LineHandle | undefined {
  return wait && newLine(wait.max);
}

/**
 * How connections are served.
 *
 * @param setup `at`: the address to listen on; `source`: that of `-B`; `pipes`: of each worker with
 * the epoll engine; `budget`: descriptors that are not for connections.
 * @throws {ExitError} If the descriptor limit is too low for the epoll engine.
 */
export function servingOptions(
  options: Options,
  setup: {
    at: Endpoint;
    source: string | undefined;
    line: LineHandle | undefined;
    admission: AdmissionSetup;
    workers: number;
    pipes: number | undefined;
    budget: number;
  },
): ServingOptions {
  const { at, source, line, admission, workers, pipes, budget } = setup,
    { engine, backends: { wait } } = options;
  const limits = processLimits(), division = { workers, pipes, budget };
  const needed = engine === "epoll" ? neededLimit(limits, workers) : undefined;
  if (needed !== undefined) {
    const line = `the epoll engine needs at least ${needed} file descriptors for ` +
      `${counted(workers, "worker")}, but the limit is ${limits.descriptors}`;
    throw new ExitError(withName(line), EXIT.osErr);
  }
  return {
    engine,
    maxPipes: pipes,
    at,
    free: options.freebind,
    connection: connectionOptions(options, source),
    limits: connectionLimits(limits, division),
    dumpFiles: options.dump !== undefined && isPerConnection(options.dump.file),
    admission,
    wait: line && wait && { line, ms: wait.ms },
  };
}

/** The options that concern connections. @param source The address of `-B`. */
function connectionOptions(options: Options, source: string | undefined): ConnectionOptions {
  return {
    connectTimeoutMs: options.connectTimeoutS * 1000,
    idleTimeoutMs: options.idleTimeoutS * 1000,
    hashFailover: options.hashFailover,
    autoDisable: options.autoDisable,
    source,
    reportsUnreachable: options.resolveS !== 0,
    passive: passiveRules(options),
  };
}

/** What other options change while connections are served. @param source The address of `-B`. */
export function servingChange(options: Options, source: string | undefined): ServingChange {
  const { backends: { wait } } = options;
  return { connection: connectionOptions(options, source), waitMs: wait?.ms };
}

/** How a worker serves that starts after a change. */
export function changedServing(
  serving: ServingOptions,
  { connection, waitMs }: ServingChange,
): ServingOptions {
  const { wait } = serving;
  return { ...serving, connection, wait: wait && { ...wait, ms: waitMs ?? wait.ms } };
}

/** The rules of the command line about connects that fail. */
export function passiveRules({ autoDisable, backends: { passive, wait } }: Options): PassiveRules {
  return {
    // `-a` disables the channel; after an operator enables it, it must be used at once.
    suspects: passive !== "off" && !autoDisable,
    failures: typeof passive === "string" ? 0 : passive.failures,
    rests: wait !== undefined,
  };
}

/** What a worker is started with now. */
export function workerSetup(
  { index, link }: Pick<WorkerSetup, "index" | "link">,
  { serving, table, messages, reports, dump }: {
    readonly serving: ServingOptions;
    readonly table: Table;
    readonly messages: Messages;
    readonly reports?: WorkerReports | undefined;
    readonly dump: PlaneDump | undefined;
  },
): WorkerSetup {
  return {
    index,
    link,
    serving,
    table: table.handle,
    debug: messages.debug !== undefined,
    monitor: reports?.forWorkers ?? { log: undefined, stats: undefined },
    dump: dump?.order,
  };
}
