/** The metrics of `/metrics`, with their current values. */

import process from "node:process";
import type { Endpoint } from "../base/endpoint.ts";
import { VERSION } from "../base/version.ts";
import { HEADER_FAULTS } from "../proxy_protocol/header.ts";
import { channelMetrics } from "./channel_metrics.ts";
import type { CheckCounters } from "../check/check_counters.ts";
import type { CheckStatus } from "../check/check_status.ts";
import type { EngineName } from "../engine/names.ts";
import type { Family } from "./exposition.ts";
import { counter, gauge, histogram, histogramSamples } from "./families.ts";
import { healthProblem, type HealthSource } from "./health.ts";
import { WAIT_BOUNDS_S } from "./stats.ts";
import { FAILURES, REASONS, word } from "./vocabulary.ts";

/** Where `/metrics` and `/status.json` get their values from. */
export interface MetricsSource extends HealthSource {
  /** The address that balance listens on. */
  readonly listener: Endpoint;
  /** The engine that serves. */
  readonly engine: EngineName;
  /** Maximum number of open file descriptors of the process; `undefined` if unknown. */
  readonly descriptors: number | undefined;
  /** Messages for the operator that were dropped so far. */
  readonly messagesDropped: () => number;
  /** Lines that the access log has dropped so far. */
  readonly logDropped: () => number;
  /** Chunks that the packet dump has dropped so far. */
  readonly dumpDropped: () => number;
  /** What health checks have counted. */
  readonly checks: CheckCounters;
  /** What is known about the check of a channel; `undefined` without one. */
  readonly check?: ((group: number, channel: number) => CheckStatus | undefined) | undefined;
}

/** Seconds since the program started. */
export function uptimeS(): number {
  return performance.now() / 1000;
}

/**
 * Sockets of connections: those to clients, and those to backends, connecting or open. A closing
 * connection counts as one, because usually only one peer does not read.
 */
export function usedDescriptors({ table, stats }: MetricsSource): number {
  return [...table.rows()].reduce((used, row) => used + row.c, stats.open);
}

/**
 * All metrics.
 *
 * @param state `stopping`: whether the program is shutting down.
 */
export function* metrics(
  source: MetricsSource,
  state: { stopping: boolean },
): Generator<Family> {
  const { table, stats, line, engine } = source;
  yield gauge(
    "balance_build_info",
    "Always 1; the labels are the versions of balance and Deno, and the engine.",
    [{ labels: { version: VERSION, deno: Deno.version.deno, engine }, value: 1 }],
  );
  yield gauge("balance_uptime_seconds", "Seconds since the program started.", uptimeS());
  yield gauge(
    "balance_healthy",
    "1 if /healthz returns 200, 0 if it returns 503.",
    Number(healthProblem(source, state) === undefined),
  );
  yield gauge("balance_workers", "Threads that serve connections.", table.size.workers);
  yield gauge("balance_connections", "Open connections.", stats.open);
  yield gauge(
    "balance_connections_closing",
    "Ended connections whose file descriptors are not free yet.",
    stats.nowClosing,
  );
  yield counter("balance_connections_accepted", "Accepted connections.", stats.accepted);
  yield counter(
    "balance_connections_ended",
    "Ended connections, by reason.",
    REASONS.map((one) => ({ labels: { reason: word(one) }, value: stats.endedBy(one) })),
  );
  yield counter(
    "balance_connect_failures",
    "Failed attempts to connect to a channel, by reason.",
    FAILURES.map((one) => ({ labels: { reason: word(one) }, value: stats.failedBy(one) })),
  );
  yield counter(
    "balance_proxy_header_errors",
    "PROXY headers that were not accepted, by cause.",
    HEADER_FAULTS.map((one) => ({ labels: { cause: one }, value: stats.badHeaders(one) })),
  );
  yield gauge("balance_waiting", "Clients that wait for a channel (--wait).", line?.length ?? 0);
  yield histogram(
    "balance_wait_seconds",
    "Time that clients waited for a channel, with or without success; those that never waited " +
      "do not count.",
    histogramSamples(stats.waitTimes, WAIT_BOUNDS_S),
  );
  yield* channelMetrics(source);
  yield counter(
    "balance_messages_dropped",
    "Messages for standard error or syslog that were dropped.",
    source.messagesDropped(),
  );
  yield counter(
    "balance_log_dropped_lines",
    "Access log lines that were dropped.",
    source.logDropped(),
  );
  yield counter(
    "balance_dump_dropped_chunks",
    "Chunks that the packet dump dropped.",
    source.dumpDropped(),
  );
  yield gauge(
    "balance_connection_fds",
    "File descriptors of the sockets of connections; at least 16 and an eighth of the limit " +
      "(16 to 192) are set aside for everything else.",
    usedDescriptors(source),
  );
  yield* processMetrics(source);
}

/** The standard process metrics of Prometheus client libraries. */
function* processMetrics({ descriptors }: MetricsSource): Generator<Family> {
  const { user, system } = process.cpuUsage();
  yield counter(
    "process_cpu_seconds",
    "Total user and system CPU time spent in seconds.",
    (user + system) / 1e6,
  );
  yield gauge(
    "process_resident_memory_bytes",
    "Resident memory size in bytes.",
    Deno.memoryUsage().rss,
  );
  yield gauge(
    "process_start_time_seconds",
    "Start time of the process since the Unix epoch in seconds.",
    performance.timeOrigin / 1000,
  );
  if (descriptors === undefined) return;
  yield gauge("process_max_fds", "Maximum number of open file descriptors.", descriptors);
}
