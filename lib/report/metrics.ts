/** The metrics, from the current table and counters. */

import process from "node:process";
import { formatEndpoint } from "../address/host_port.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { VERSION } from "../base/version.ts";
import { channelRecord } from "../table/channel_record.ts";
import type { ChannelRow, Table } from "../table/table.ts";
import type { Family, Sample } from "./exposition.ts";
import { CONNECT_BOUNDS_S, type Stats } from "./stats.ts";
import { FAILURES, REASONS, word } from "./vocabulary.ts";

/** Where `/metrics` and `/status.json` get their data from. */
export interface MetricsSource {
  readonly table: Table;
  readonly stats: Stats;
  /** The address that balance listens on. */
  readonly listener: Endpoint;
  /** File descriptors that the process may have open; `undefined` if unknown. */
  readonly descriptors: number | undefined;
  /** Lines that the access log has dropped so far. */
  readonly logDropped: () => number;
  /** Chunks that the packet dump has dropped so far. */
  readonly dumpDropped: () => number;
}

const STARTED_S = performance.timeOrigin / 1000;

/** Seconds since the program started. */
export function uptimeS(): number {
  return performance.now() / 1000;
}

/**
 * All metrics.
 *
 * @param source Where the data comes from.
 */
export function* metrics(source: MetricsSource): Generator<Family> {
  const { table, stats } = source;
  yield {
    name: "balance_build_info",
    type: "gauge",
    help: "Always 1; the labels are the versions of balance and Deno.",
    samples: [{ labels: { version: VERSION, deno: Deno.version.deno }, value: 1 }],
  };
  yield gauge("balance_uptime_seconds", "Seconds since the program started.", uptimeS());
  yield gauge("balance_workers", "Threads that serve connections.", table.size.workers);
  yield gauge("balance_connections", "Open connections.", stats.open);
  yield counter("balance_connections_accepted", "Accepted connections.", stats.accepted);
  yield {
    name: "balance_connections_ended",
    type: "counter",
    help: "Ended connections, by reason.",
    samples: REASONS.map((reason) => ({
      labels: { reason: word(reason) },
      value: stats.endedBy(reason),
    })),
  };
  yield {
    name: "balance_connect_failures",
    type: "counter",
    help: "Failed attempts to connect to a channel, by reason.",
    samples: FAILURES.map((failure) => ({
      labels: { reason: word(failure) },
      value: stats.failedBy(failure),
    })),
  };
  yield* channelMetrics(table, stats);
  yield counter(
    "balance_log_dropped_lines",
    "Access log lines that were dropped or lost.",
    source.logDropped(),
  );
  yield counter(
    "balance_dump_dropped_chunks",
    "Chunks that the packet dump dropped.",
    source.dumpDropped(),
  );
  yield gauge(
    "balance_connection_fds",
    "File descriptors used by connections; the program itself needs about 30 more.",
    usedDescriptors(source),
  );
  yield* processMetrics(source);
}

function gauge(name: string, help: string, value: number): Family {
  return { name, type: "gauge", help, samples: [{ value }] };
}

function counter(name: string, help: string, value: number | bigint): Family {
  return { name, type: "counter", help, samples: [{ value }] };
}

/** Sockets of connections: those of clients, and those of backends, connecting or open. */
export function usedDescriptors({ table, stats }: MetricsSource): number {
  let used = stats.open;
  for (const row of table.rows()) used += row.c;
  return used;
}

function* channelMetrics(table: Table, stats: Stats): Generator<Family> {
  const perChannel = (
    [name, type, help]: readonly [string, "gauge" | "counter", string],
    value: (row: ChannelRow) => number | bigint | boolean,
  ): Family => ({
    name: `balance_channel_${name}`,
    type,
    help,
    samples: samples(table, function* (row) {
      const found = value(row);
      yield { value: typeof found === "boolean" ? Number(found) : found };
    }),
  });
  yield perChannel(
    ["enabled", "gauge", "1 if the channel is enabled, 0 if it is disabled."],
    (row) => row.state === "enabled",
  );
  yield perChannel(
    ["available", "gauge", "1 if the channel can take a connection now."],
    (row) => table.available(row.group, row.channel),
  );
  yield perChannel(
    ["connections", "gauge", "Connections of the channel, including those still connecting."],
    (row) => row.c,
  );
  yield perChannel(
    ["max_connections", "gauge", "Maximum connections of the channel (maxc); 0 means no limit."],
    (row) => row.maxc,
  );
  yield perChannel(
    ["attempts", "counter", "Attempts to connect to the channel (totalc in show)."],
    (row) => row.totalc,
  );
  yield perChannel(
    [
      "connect_failures",
      "counter",
      "Failed attempts to connect that were the fault of the backend.",
    ],
    (row) => stats.blamed(row.group, row.channel),
  );
  yield perChannel(
    ["sent_bytes", "counter", "Bytes sent from clients to the channel."],
    (row) => row.sent,
  );
  yield perChannel(
    ["received_bytes", "counter", "Bytes sent from the channel to clients."],
    (row) => row.rcvd,
  );
  yield {
    name: "balance_channel_connect_seconds",
    type: "histogram",
    help: "Duration of successful attempts to connect to the channel.",
    samples: samples(table, ({ group, channel }) => histogram(stats, group, channel)),
  };
}

/** The samples of all configured channels, each with the labels of its channel. */
function* samples(
  table: Table,
  of: (row: ChannelRow) => Iterable<Sample>,
): Generator<Sample> {
  for (const row of table.rows()) {
    if (row.state === "free") continue;
    const labels = {
      group: String(row.group),
      channel: String(row.channel),
      backend: formatEndpoint(channelRecord(row)),
    };
    for (const sample of of(row)) yield { ...sample, labels: { ...labels, ...sample.labels } };
  }
}

function* histogram(stats: Stats, group: number, channel: number): Generator<Sample> {
  const { buckets, count, sumUs } = stats.connectTimes(group, channel);
  let below = 0n;
  for (const [i, inBucket] of buckets.entries()) {
    below += inBucket;
    yield { suffix: "_bucket", labels: { le: boundText(CONNECT_BOUNDS_S[i]) }, value: below };
  }
  yield { suffix: "_count", value: count };
  yield { suffix: "_sum", value: Number(sumUs) / 1e6 };
}

/** A bucket bound as OpenMetrics requires it in labels: `1.0`, `0.25`, `+Inf`. */
function boundText(bound: number | undefined): string {
  if (bound === undefined) return "+Inf";
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
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
    STARTED_S,
  );
  if (descriptors === undefined) return;
  yield gauge("process_max_fds", "Maximum number of open file descriptors.", descriptors);
}
