/** The access log and the metrics that the command line asks for. */

import { delay } from "@std/async/delay";
import { aboutLater, UsageError, withName } from "../base/errors.ts";
import type { CheckCounters } from "../check/check_counters.ts";
import type { Options } from "../cli/options.ts";
import type { Monitor } from "../connection/observe.ts";
import { MAX_DESCRIPTORS } from "../report/http/places.ts";
import { oncePerBurst } from "../connection/once_per_burst.ts";
import { openLogFile } from "../report/log_file.ts";
import type { LogStyle } from "../report/log_line.ts";
import { droppedLines, type LogOutput } from "../report/log_output.ts";
import type { MetricsSource } from "../report/metrics.ts";
import { type MetricsServer, serveMetrics } from "../report/metrics_server.ts";
import { monitorOf } from "../report/monitor.ts";
import { newStats } from "../report/stats.ts";
import { processLimits } from "../native/process.ts";
import type { Budget } from "../system/capacity.ts";
import { openSyslog } from "../system/syslog.ts";
import type { Table } from "../table/table.ts";
import { type LineHandle, LineMemory } from "../wait_line/line_memory.ts";
import type { WorkerReports } from "../workers/monitor.ts";
import type { MetricsSetup, Setup } from "./resolve_setup.ts";

/** The argument of `--log` that means syslog. */
const SYSLOG = "syslog";
/** Descriptors of the log: the file, its successor while it is reopened, a duplicate in a write. */
const LOG_FILES = 3;
/** Milliseconds to wait for the address of the metrics, and between two attempts. */
const RELEASE_MS = 1000, RETRY_MS = 20;

/** The access log and the metrics of the running program; each may be off. */
export interface Reports extends WorkerReports {
  /** Monitors the connections of this isolate; `undefined` without log and metrics. */
  readonly monitor: Monitor | undefined;
  /** Reopens the log file, after log rotation has moved it. */
  reopen(): void;
  /** New connections are refused from now on: health checks fail. */
  stopping(): void;
  /** Whether a successor gets new requests for metrics. */
  retire(value: boolean): void;
  /** Stops serving the metrics, because a successor serves them at the same address. */
  release(): Promise<void>;
  /** Writes pending lines and closes everything. */
  close(): Promise<void>;
}

/** Where log and metrics get their data from. */
export interface ReportSource {
  readonly table: Table;
  /** The addresses that balance listens on and serves metrics on. */
  readonly setup: Pick<Setup, "listen" | "metrics">;
  /** Where log and metrics take their descriptors from. */
  readonly budget: Budget;
  readonly notice: (line: string) => void;
  /** Messages for the operator that were dropped so far. */
  readonly messagesDropped: () => number;
  /** Chunks that the packet dump has dropped so far. */
  readonly dumpDropped: () => number;
  /** What health checks have counted. */
  readonly checks: CheckCounters;
  /** What is known about the check of a channel. */
  readonly check: MetricsSource["check"];
  /** The wait line; `undefined` without `--wait`. */
  readonly line: LineHandle | undefined;
  /** Whether a predecessor still serves its metrics. */
  readonly joins: boolean;
}

/**
 * Opens the log and starts to serve the metrics, each only if the command line asks for it.
 *
 * @throws {ExitError} If the log cannot be opened or the metrics address cannot be bound.
 */
export async function openReports(
  options: Pick<Options, "log" | "logFormat" | "logStarts" | "engine">,
  source: ReportSource,
): Promise<Reports> {
  const { table, setup, budget, notice, line, ...about } = source;
  const metricsAt = setup.metrics;
  if (options.log !== undefined) budget.share("the log", { min: LOG_FILES, max: LOG_FILES });
  const log = await aboutLater("log", openLog(options, notice));
  const stats = metricsAt && newStats({ accounts: table.accounts, workers: table.size.workers });
  table.companion = stats;
  let server: MetricsServer | undefined;
  try {
    server = metricsAt && stats && await aboutLater(
      "metrics",
      serveSoon({ at: metricsAt, budget, joins: about.joins }, {
        table,
        stats,
        listener: setup.listen,
        engine: options.engine,
        descriptors: processLimits().descriptors,
        logDropped: () => log?.output.dropped ?? 0,
        line: line && new LineMemory(line),
        messagesDropped: about.messagesDropped,
        dumpDropped: about.dumpDropped,
        checks: about.checks,
        check: about.check,
      }),
    );
  } catch (error) {
    await log?.output.close();
    throw error;
  }
  return {
    monitor: monitorOf({
      log: log && {
        style: log.style,
        line: (text) => log.output.line(text),
        room: () => log.output.room(),
      },
      stats,
    }),
    forWorkers: { log: log?.style, stats: stats?.handle },
    log(lines) {
      for (const line of lines) log?.output.line(line);
      return log?.output.room();
    },
    releaseWorker: (worker) => stats?.releaseWorker(worker),
    reopen: () => log?.output.reopen(),
    stopping: () => server?.stopping(),
    retire: (value) => server?.retire(value),
    release: async () => await server?.close(),
    async close() {
      await Promise.all([log?.output.close(), server?.close()]);
    },
  };
}

/** Serves the metrics. A predecessor that is exiting gets a moment to release the address. */
async function serveSoon(
  { at, budget, joins }: { at: MetricsSetup; budget: Budget; joins: boolean },
  source: MetricsSource,
): Promise<MetricsServer> {
  const deadline = performance.now() + RELEASE_MS;
  // A quarter of the budget is guaranteed, as for the control clients.
  const min = Math.min(Math.floor(budget.total / 4), MAX_DESCRIPTORS);
  const size = { min, max: MAX_DESCRIPTORS };
  const options = { hosts: at.hosts, descriptors: budget.share("the metrics", size), joins };
  for (;;) {
    try {
      return serveMetrics(at, source, options);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(RETRY_MS);
    }
  }
}

/**
 * Checks the options of the log.
 *
 * @throws {UsageError} If one needs `--log`, which is not given.
 */
export function checkLogOptions(
  { log, logFormat, logStarts }: Pick<Options, "log" | "logFormat" | "logStarts">,
): void {
  if (log !== undefined || (logFormat === undefined && !logStarts)) return;
  const name = logStarts ? "log-start" : "log-format";
  throw new UsageError(withName(`--${name} needs --log`), name);
}

async function openLog(
  { log, logFormat, logStarts }: Pick<Options, "log" | "logFormat" | "logStarts">,
  notice: (line: string) => void,
): Promise<{ output: LogOutput; style: LogStyle } | undefined> {
  checkLogOptions({ log, logFormat, logStarts });
  if (log === undefined) return undefined;
  const style = { format: logFormat ?? "text", starts: logStarts, time: log !== SYSLOG } as const;
  const output = log === SYSLOG ? syslogOutput(notice) : await openLogFile(log, { notice });
  return { output, style };
}

/** The access log in syslog, which is never reopened. */
function syslogOutput(notice: (line: string) => void): LogOutput {
  const syslog = openSyslog({ purpose: "log", waits: true });
  const bursts = oncePerBurst(notice);
  return {
    line(text) {
      const before = syslog.dropped;
      syslog.log("info", text);
      if (syslog.dropped > before) bursts.notice("the system log is too slow, lines are dropped");
    },
    room: () => syslog.room(),
    get dropped() {
      return syslog.dropped;
    },
    reopen() {},
    async close() {
      await syslog.close();
      if (this.dropped > 0) notice(droppedLines(this.dropped));
    },
  };
}
