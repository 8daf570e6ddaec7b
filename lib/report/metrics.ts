/** What `/metrics` and `/status.json` tell, from the table and the counters of the moment. */

import type { Endpoint } from "../base/endpoint.ts";
import process from "node:process";
import { formatEndpoint } from "../address/host_port.ts";
import { formatIp } from "../address/ip.ts";
import { VERSION } from "../base/version.ts";
import type { ChannelRow, Table } from "../table/table.ts";
import type { Family, Sample } from "./exposition.ts";
import { CONNECT_BOUNDS_S, type Stats } from "./stats.ts";
import { FAILURES, REASONS, word } from "./vocabulary.ts";

/** What is told about. */
export interface MetricsSource {
  readonly table: Table;
  readonly stats: Stats;
  /** Where it listens. */
  readonly listener: Endpoint;
  /** Descriptors that the process may have open; `undefined` if nobody knows. */
  readonly descriptors: number | undefined;
  /** Lines that the connection log has dropped so far. */
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
 * The metrics.
 *
 * @param source What they are about.
 */
export function* metrics(source: MetricsSource): Generator<Family> {
  const { table, stats } = source;
  const gauge = (name: string, help: string, value: number): Family => ({
    name,
    type: "gauge",
    help,
    samples: [{ value }],
  });
  const counter = (name: string, help: string, value: number | bigint): Family => ({
    name,
    type: "counter",
    help,
    samples: [{ value }],
  });
  yield {
    name: "balance_build_info",
    type: "gauge",
    help: "Always 1; the labels tell what runs.",
    samples: [{ labels: { version: VERSION, deno: Deno.version.deno }, value: 1 }],
  };
  yield gauge("balance_uptime_seconds", "Seconds since the program started.", uptimeS());
  yield gauge("balance_workers", "Isolates that serve connections.", table.size.workers);
  yield gauge("balance_connections", "Connections that are open now.", stats.open);
  yield counter("balance_connections_accepted", "Connections accepted so far.", stats.accepted);
  yield {
    name: "balance_connections_ended",
    type: "counter",
    help: "Connections that have ended, by who ended them and why.",
    samples: REASONS.map((reason) => ({
      labels: { reason: word(reason) },
      value: stats.endedBy(reason),
    })),
  };
  yield {
    name: "balance_connect_failures",
    type: "counter",
    help: "Attempts to connect to a channel that failed, by reason.",
    samples: FAILURES.map((failure) => ({
      labels: { reason: word(failure) },
      value: stats.failedBy(failure),
    })),
  };
  yield* channelMetrics(table, stats);
  yield counter(
    "balance_log_dropped_lines",
    "Lines of the connection log that were dropped or lost.",
    source.logDropped(),
  );
  yield counter(
    "balance_dump_dropped_chunks",
    "Chunks that the packet dump has dropped.",
    source.dumpDropped(),
  );
  yield gauge(
    "balance_connection_fds",
    "Descriptors that connections use; the program itself needs about 30 more.",
    usedDescriptors(source),
  );
  yield* processMetrics(source);
}

/** Sockets of connections: theirs with clients, and with channels, being dialed or open. */
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
    ["available", "gauge", "1 if a connection can be sent to the channel now."],
    (row) => table.available(row.group, row.channel),
  );
  yield perChannel(
    ["connections", "gauge", "Connections of the channel, those being connected included."],
    (row) => row.c,
  );
  yield perChannel(
    ["max_connections", "gauge", "Most connections that the channel gets; 0 for no limit."],
    (row) => row.maxc,
  );
  yield perChannel(
    ["attempts", "counter", "Attempts to connect to the channel: totalc of the command show."],
    (row) => row.totalc,
  );
  yield perChannel(
    ["connect_failures", "counter", "Attempts to connect that failed because of the channel."],
    (row) => stats.blamed(row.group, row.channel),
  );
  yield perChannel(
    ["sent_bytes", "counter", "Bytes sent from clients to the channel."],
    (row) => row.sent,
  );
  yield perChannel(
    ["received_bytes", "counter", "Bytes received from the channel for clients."],
    (row) => row.rcvd,
  );
  yield {
    name: "balance_channel_connect_seconds",
    type: "histogram",
    help: "Time that successful attempts to connect to the channel took.",
    samples: samples(table, ({ group, channel }) => histogram(stats, group, channel)),
  };
}

/** The samples of all channels that exist, each with the labels of its channel. */
function* samples(
  table: Table,
  of: (row: ChannelRow) => Iterable<Sample>,
): Generator<Sample> {
  for (const row of table.rows()) {
    if (row.state === "free") continue;
    const labels = {
      group: String(row.group),
      channel: String(row.channel),
      backend: formatEndpoint({ address: formatIp(row.address), port: row.port }),
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

/** As OpenMetrics writes numbers that are labels: `1.0`, `0.25`, `+Inf`. */
function boundText(bound: number | undefined): string {
  if (bound === undefined) return "+Inf";
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

/** What every program tells Prometheus about its process, under the names that are usual. */
function* processMetrics({ descriptors }: MetricsSource): Generator<Family> {
  const { user, system } = process.cpuUsage();
  yield {
    name: "process_cpu_seconds",
    type: "counter",
    help: "User and system CPU time spent, in seconds.",
    samples: [{ value: (user + system) / 1e6 }],
  };
  yield {
    name: "process_resident_memory_bytes",
    type: "gauge",
    help: "Resident memory size in bytes.",
    samples: [{ value: Deno.memoryUsage().rss }],
  };
  yield {
    name: "process_start_time_seconds",
    type: "gauge",
    help: "Start time of the process since the Unix epoch in seconds.",
    samples: [{ value: STARTED_S }],
  };
  if (descriptors === undefined) return;
  yield {
    name: "process_max_fds",
    type: "gauge",
    help: "Most descriptors that the process may have open.",
    samples: [{ value: descriptors }],
  };
}
