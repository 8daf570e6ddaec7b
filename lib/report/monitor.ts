import type { DialOutcome, Monitor } from "../connection/observe.ts";
import { blamesBackend } from "../base/reason.ts";
import { endLine, type LogStyle, startLine } from "./log_line.ts";
import type { LogOutput } from "./log_output.ts";
import type { Stats } from "./stats.ts";

/** The access log: the format of its lines, and where they go. */
export interface MonitorLog extends Pick<LogOutput, "line" | "room"> {
  readonly style: LogStyle;
}

/** What the connections of one isolate report to. */
export interface MonitorParts {
  readonly log?: MonitorLog | undefined;
  /** The counters of the metrics. */
  readonly stats?: Stats | undefined;
}

/**
 * Creates the monitor of connections.
 *
 * @returns `undefined` without log and counters. Functions that are not needed are `undefined` as
 *     well, so that connections do not even read the clock.
 */
export function monitorOf({ log, stats }: MonitorParts): Monitor | undefined {
  if (log === undefined && stats === undefined) return undefined;
  const logStarts = log?.style.starts ?? false;
  return {
    started: logStarts || stats !== undefined
      ? (info) => {
        stats?.started();
        if (logStarts) log?.line(startLine(info, { ...log.style, now: new Date() }));
      }
      : undefined,
    dialed: stats && ((outcome) => count(stats, outcome)),
    waited: stats && ((ms) => stats.waited(ms)),
    ended(end) {
      stats?.ended(end.reason);
      log?.line(endLine(end, { ...log.style, now: new Date() }));
    },
    logged: log && ((end) => log.line(endLine(end, { ...log.style, now: new Date() }))),
    refused: stats && ((reason, fault) => {
      stats.started();
      stats.ended(reason);
      if (fault !== undefined) stats.badHeader(fault);
    }),
    header: stats && ((change) => stats.headers(change)),
    closing: stats && (() => stats.closing(1n)),
    freed: stats && (() => stats.closing(-1n)),
    room: log && (() => log.room()),
  };
}

function count(stats: Stats, { account, ms, failure }: DialOutcome): void {
  if (failure === undefined) return stats.connected(account, ms);
  stats.failed(account, failure);
  if (blamesBackend(failure)) stats.blame(account);
}
