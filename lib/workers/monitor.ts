import type { Monitor } from "../connection/observe.ts";
import type { LogStyle } from "../report/log_line.ts";
import { monitorOf } from "../report/monitor.ts";
import { Stats, type StatsHandle } from "../report/stats.ts";
import type { LogOutbox } from "./log_outbox.ts";

/** What a worker reports about its connections: log and metrics, if any. Can be cloned to it. */
export interface MonitorConfig {
  readonly log: LogStyle | undefined;
  readonly stats: StatsHandle | undefined;
}

/** Where the main isolate collects what its workers report. */
export interface WorkerReports {
  readonly forWorkers: MonitorConfig;
  /** Writes lines of a worker to the access log. Waits for room; `undefined` if there is room. */
  log(lines: readonly string[]): Promise<void> | undefined;
  /** Subtracts the connections of a worker that died from the number of open ones. */
  releaseWorker(worker: number): void;
}

/** The monitor of the connections of worker `index`; `lines` gets its log lines. */
export function workerMonitor(
  { log, stats }: MonitorConfig,
  { index, lines }: { index: number; lines: Pick<LogOutbox, "line" | "room"> },
): Monitor | undefined {
  return monitorOf({
    log: log && { style: log, line: (text) => lines.line(text), room: () => lines.room() },
    stats: stats && new Stats(stats, index),
  });
}
