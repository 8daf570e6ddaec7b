import type { Monitor } from "../connection/observe.ts";
import type { LogStyle } from "../report/log_line.ts";
import { monitorOf } from "../report/monitor.ts";
import { Stats, type StatsHandle } from "../report/stats.ts";

/** What a worker needs to report. Can be cloned to it. */
export interface WorkerReport {
  readonly log: LogStyle | undefined;
  readonly stats: StatsHandle | undefined;
}

/**
 * What watches the connections of a worker.
 *
 * @param report What the worker was started with.
 * @param options Which worker it is, from 0, and where its log lines go.
 */
export function workerMonitor(
  { log, stats }: WorkerReport,
  { index, line }: { index: number; line: (text: string) => void },
): Monitor | undefined {
  return monitorOf({
    log: log && { style: log, line },
    stats: stats && new Stats(stats, index),
  });
}
