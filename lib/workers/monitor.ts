import type { Monitor } from "../connection/observe.ts";
import type { LogStyle } from "../report/log_line.ts";
import { monitorOf } from "../report/monitor.ts";
import { Stats, type StatsHandle } from "../report/stats.ts";

/** What a worker reports about its connections: log and metrics, if any. Can be cloned to it. */
export interface MonitorConfig {
  readonly log: LogStyle | undefined;
  readonly stats: StatsHandle | undefined;
}

/** Where the main isolate collects what its workers report. */
export interface WorkerReports {
  readonly forWorkers: MonitorConfig;
  /** Writes a line that a worker made to the access log. */
  log(line: string): void;
  /** Subtracts the connections of a worker that died from the number of open ones. */
  releaseWorker(worker: number): void;
}

/** The monitor of the connections of worker `index`; `line` gets its log lines. */
export function workerMonitor(
  { log, stats }: MonitorConfig,
  { index, line }: { index: number; line: (text: string) => void },
): Monitor | undefined {
  return monitorOf({ log: log && { style: log, line }, stats: stats && new Stats(stats, index) });
}
