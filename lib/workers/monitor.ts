import type { LimitedLines } from "../connection/limited_lines.ts";
import { oncePerBurst } from "../connection/once_per_burst.ts";
import type { Monitor } from "../connection/observe.ts";
import type { LogStyle } from "../report/log_line.ts";
import { monitorOf } from "../report/monitor.ts";
import { Stats, type StatsHandle } from "../report/stats.ts";
import type { Messages } from "../system/messages.ts";
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

/** What a line of a worker is about. */
export type LineKind = "notice" | "shortage" | "timedOut" | "refused" | "debug";

/** What prints the lines of workers, some of them limited across all workers. */
export function printers(
  { notice, debug }: Messages,
  { timedOut, refused }: LimitedLines,
): Readonly<Record<LineKind, (line: string) => void>> {
  return {
    notice,
    shortage: oncePerBurst(notice).notice,
    timedOut,
    refused,
    debug: (line) => debug?.(line),
  };
}
