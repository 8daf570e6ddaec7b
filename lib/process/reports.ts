/** Log and metrics of the running program: what the command line asks for, opened and wired. */

import type { Endpoint } from "../base/endpoint.ts";
import { formatIp } from "../address/ip.ts";
import { resolveHost } from "../address/resolve.ts";
import { UsageError } from "../base/errors.ts";
import type { Options } from "../cli/options.ts";
import type { Monitor } from "../connection/observe.ts";
import { openLogFile } from "../report/log_file.ts";
import type { LogStyle } from "../report/log_line.ts";
import type { LogOutput } from "../report/log_output.ts";
import { parseMetricsAddress } from "../report/metrics_address.ts";
import { serveMetrics } from "../report/metrics_server.ts";
import { monitorOf } from "../report/monitor.ts";
import { newStats } from "../report/stats.ts";
import type { Table } from "../table/table.ts";
import { processLimits } from "../system/native.ts";
import { openSyslog } from "../system/syslog.ts";
import type { WorkerReport } from "../workers/report.ts";

/** The argument of `--log` that means the system's log. */
const SYSLOG = "syslog";

/** What is reported, and to where. */
export interface Reports {
  /** Watches the connections of this isolate; absent without log and metrics. */
  readonly monitor: Monitor | undefined;
  /** What workers get. */
  readonly forWorkers: WorkerReport;
  /** Logs a line that a worker has made. */
  log(line: string): void;
  /** A worker died: its connections are counted out. */
  releaseWorker(worker: number): void;
  /** Opens the log again, after it was moved away. */
  reopen(): void;
  /** New connections are refused from now on: says so to those who look after us. */
  stopping(): void;
  /** Writes what waits and closes everything. */
  close(): Promise<void>;
}

/** What reports are about. */
export interface ReportSubject {
  readonly table: Table;
  /** Where the program listens. */
  readonly at: Endpoint;
  readonly notice: (line: string) => void;
  /** Chunks that the packet dump has dropped so far. */
  readonly dumpDropped: () => number;
}

/**
 * Opens the log and serves the metrics, as far as they are wanted.
 *
 * @param options What the command line asks for.
 * @param subject What it is about.
 * @throws {ExitError} If the log cannot be opened, or the address of the metrics is in the way.
 */
export async function openReports(
  options: Pick<Options, "log" | "logFormat" | "logStarts" | "metrics">,
  subject: ReportSubject,
): Promise<Reports> {
  const { table, at, notice, dumpDropped } = subject;
  const metricsAt = options.metrics === undefined ? undefined : await metricsAddress(options);
  const log = await openLog(options, notice);
  const stats = metricsAt && newStats(table.size);
  const server = metricsAt && stats && await closedIfThisFails(log, () =>
    serveMetrics(metricsAt, {
      table,
      stats,
      listener: at,
      descriptors: processLimits().descriptors,
      logDropped: () => log?.output.dropped ?? 0,
      dumpDropped,
    }));
  return {
    monitor: monitorOf({
      log: log && { style: log.style, line: (text) => log.output.line(text) },
      stats,
    }),
    forWorkers: { log: log?.style, stats: stats?.handle },
    log: (line) => log?.output.line(line),
    releaseWorker: (worker) => stats?.releaseWorker(worker),
    reopen: () => log?.output.reopen(),
    stopping: () => server?.stopping(),
    async close() {
      await Promise.all([log?.output.close(), server?.close()]);
    },
  };
}

async function metricsAddress({ metrics = "" }: Pick<Options, "metrics">): Promise<Endpoint> {
  const { host, port } = parseMetricsAddress(metrics);
  return { address: formatIp(await resolveHost(host)), port };
}

async function openLog(
  { log, logFormat, logStarts }: Pick<Options, "log" | "logFormat" | "logStarts">,
  notice: (line: string) => void,
): Promise<{ output: LogOutput; style: LogStyle } | undefined> {
  if (log === undefined) {
    if (logFormat === undefined && !logStarts) return undefined;
    throw new UsageError(`balance: --log-${logStarts ? "start" : "format"} needs --log`);
  }
  const style = { format: logFormat ?? "text", starts: logStarts, time: log !== SYSLOG } as const;
  const output = log === SYSLOG ? syslogOutput() : await openLogFile(log, { notice });
  return { output, style };
}

/** The system's log; it is not a file and is never opened again. */
function syslogOutput(): LogOutput {
  const syslog = openSyslog({ purpose: "log" });
  return {
    line: (text) => syslog.log("info", text),
    get dropped() {
      return syslog.dropped;
    },
    reopen() {},
    close: () => syslog.close(),
  };
}

async function closedIfThisFails<T>(
  log: { output: LogOutput } | undefined,
  run: () => T,
): Promise<T> {
  try {
    return run();
  } catch (error) {
    await log?.output.close();
    throw error;
  }
}
