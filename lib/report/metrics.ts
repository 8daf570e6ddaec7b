/** The metrics, from the current table and counters. */

import process from "node:process";
import { formatEndpoint } from "../address/host_port.ts";
import { formatIp } from "../address/ip.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { VERSION } from "../base/version.ts";
import type { Table } from "../table/table.ts";
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
  const rows = [...table.rowsByAddress()];
  const current = rows.filter((row) => row.current);
  const family = (
    [name, type, help]: readonly [string, "gauge" | "counter", string],
    some: readonly AddressRow[],
    value: (row: AddressRow) => number | bigint | boolean,
  ): Family => ({
    name: `balance_channel_${name}`,
    type,
    help,
    samples: some.map((row) => ({ labels: labelsOf(row), value: asNumber(value(row)) })),
  });
  yield family(
    ["enabled", "gauge", "1 if the channel is enabled, 0 if it is disabled."],
    current,
    (row) => row.state === "enabled",
  );
  yield family(
    ["available", "gauge", "1 if the channel can take a connection now."],
    current,
    (row) => table.available(row.group, row.channel),
  );
  yield family(
    ["connections", "gauge", "Connections to the backend, including those still connecting."],
    rows,
    (row) => row.c,
  );
  yield family(
    ["max_connections", "gauge", "Maximum connections of the channel (maxc); 0 means no limit."],
    current,
    (row) => row.maxc,
  );
  yield family(
    ["attempts", "counter", "Attempts to connect to the backend (totalc in show)."],
    rows,
    (row) => row.totalc,
  );
  const failures = "Failed attempts to connect that were the fault of the backend.";
  yield family(
    ["connect_failures", "counter", failures],
    rows,
    (row) => stats.blamed(row.account),
  );
  yield family(
    ["sent_bytes", "counter", "Bytes sent from clients to the backend."],
    rows,
    (row) => row.sent,
  );
  yield family(
    ["received_bytes", "counter", "Bytes sent from the backend to clients."],
    rows,
    (row) => row.rcvd,
  );
  yield {
    name: "balance_channel_connect_seconds",
    type: "histogram",
    help: "Duration of successful attempts to connect to the backend.",
    samples: histograms(rows, stats),
  };
}

/** One address of a channel: that of `show`, or a former one whose connections keep it. */
type AddressRow = ReturnType<Table["rowsByAddress"]> extends Generator<infer Row> ? Row : never;

function labelsOf({ group, channel, address, port }: AddressRow): Record<string, string> {
  const backend = formatEndpoint({ address: formatIp(address), port });
  return { group: String(group), channel: String(channel), backend };
}

function asNumber(value: number | bigint | boolean): number | bigint {
  return typeof value === "boolean" ? Number(value) : value;
}

function* histograms(rows: readonly AddressRow[], stats: Stats): Generator<Sample> {
  for (const row of rows) {
    const labels = labelsOf(row);
    const { buckets, count, sumUs } = stats.connectTimes(row.account);
    let below = 0n;
    for (const [i, inBucket] of buckets.entries()) {
      below += inBucket;
      const le = boundText(CONNECT_BOUNDS_S[i]);
      yield { suffix: "_bucket", labels: { ...labels, le }, value: below };
    }
    yield { suffix: "_count", labels, value: count };
    yield { suffix: "_sum", labels, value: Number(sumUs) / 1e6 };
  }
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
