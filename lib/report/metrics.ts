/** The metrics of `/metrics`, with their current values. */

import process from "node:process";
import { formatEndpoint } from "../address/host_port.ts";
import { formatIp } from "../address/ip.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { VERSION } from "../base/version.ts";
import type { Table } from "../table/table.ts";
import type { Family, Labels, Sample } from "./exposition.ts";
import { healthProblem } from "./health.ts";
import { CONNECT_BOUNDS_S, type Stats } from "./stats.ts";
import { FAILURES, REASONS, word } from "./vocabulary.ts";

/** Where `/metrics` and `/status.json` get their values from. */
export interface MetricsSource {
  readonly table: Table;
  readonly stats: Stats;
  /** The address that balance listens on. */
  readonly listener: Endpoint;
  /** Maximum number of open file descriptors of the process; `undefined` if unknown. */
  readonly descriptors: number | undefined;
  /** Messages for the operator that were dropped so far. */
  readonly messagesDropped: () => number;
  /** Lines that the access log has dropped so far. */
  readonly logDropped: () => number;
  /** Chunks that the packet dump has dropped so far. */
  readonly dumpDropped: () => number;
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

const gauge = familyOf("gauge"), counter = familyOf("counter"), histogram = familyOf("histogram");

/** Creates families of a type, from their samples or the value of their only sample. */
function familyOf(type: Family["type"]) {
  return (name: string, help: string, samples: number | bigint | Iterable<Sample>): Family => ({
    name,
    type,
    help,
    samples: typeof samples === "object" ? samples : [{ value: samples }],
  });
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
  const { table, stats } = source;
  yield gauge("balance_build_info", "Always 1; the labels are the versions of balance and Deno.", [
    { labels: { version: VERSION, deno: Deno.version.deno }, value: 1 },
  ]);
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
  yield* channelMetrics(table, stats);
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

/** One address of a channel: the current one or a former one. */
type TableRow = ReturnType<Table["rowsByAddress"]> extends Generator<infer Row> ? Row : never;

/** The same, with its labels. */
interface AddressRow extends TableRow {
  readonly labels: Labels;
}

function* channelMetrics(table: Table, stats: Stats): Generator<Family> {
  const rows = [...table.rowsByAddress()].map((row) => ({ ...row, labels: labelsOf(row) }));
  const current = rows.filter((row) => row.current);
  yield gauge(
    "balance_channel_enabled",
    "1 if the channel is enabled, 0 if it is disabled.",
    samples(current, (row) => Number(row.state === "enabled")),
  );
  yield gauge(
    "balance_channel_available",
    "1 if the channel can take a connection now.",
    samples(current, (row) => Number(table.available(row.group, row.channel))),
  );
  yield gauge(
    "balance_channel_connections",
    "Connections to the backend, including those still connecting.",
    samples(rows, (row) => row.c),
  );
  yield gauge(
    "balance_channel_max_connections",
    "Maximum connections of the channel (maxc); 0 means no limit.",
    samples(current, (row) => row.maxc),
  );
  yield counter(
    "balance_channel_attempts",
    "Attempts to connect to the backend (totalc in show).",
    samples(rows, (row) => row.totalc),
  );
  yield counter(
    "balance_channel_connect_failures",
    "Failed attempts to connect that were the fault of the backend.",
    samples(rows, (row) => stats.blamed(row.account)),
  );
  yield counter(
    "balance_channel_sent_bytes",
    "Bytes sent from clients to the backend.",
    samples(rows, (row) => row.sent),
  );
  yield counter(
    "balance_channel_received_bytes",
    "Bytes sent from the backend to clients.",
    samples(rows, (row) => row.rcvd),
  );
  yield histogram(
    "balance_channel_connect_seconds",
    "Duration of successful attempts to connect to the backend.",
    connectTimes(rows, stats),
  );
}

/** One sample per row, computed when it is read. */
function* samples(
  rows: readonly AddressRow[],
  value: (row: AddressRow) => number | bigint,
): Generator<Sample> {
  for (const row of rows) yield { labels: row.labels, value: value(row) };
}

function labelsOf({ group, channel, address, port }: TableRow): Labels {
  // The account that adds up former addresses has none.
  const isSum = address.length === 0;
  const backend = isSum ? "former" : formatEndpoint({ address: formatIp(address), port });
  return { group: String(group), channel: String(channel), backend };
}

function* connectTimes(rows: readonly AddressRow[], stats: Stats): Generator<Sample> {
  for (const { labels, account } of rows) {
    const { buckets, count, sumUs } = stats.connectTimes(account);
    let cumulative = 0n;
    for (const [i, inBucket] of buckets.entries()) {
      cumulative += inBucket;
      yield { suffix: "_bucket", labels, le: boundText(CONNECT_BOUNDS_S[i]), value: cumulative };
    }
    yield { suffix: "_count", labels, value: count };
    yield { suffix: "_sum", labels, value: Number(sumUs) / 1e6 };
  }
}

/** A bucket bound as OpenMetrics requires it in labels: `1.0`, `0.25`, `+Inf`. */
function boundText(bound = Infinity): string {
  if (bound === Infinity) return "+Inf";
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
    performance.timeOrigin / 1000,
  );
  if (descriptors === undefined) return;
  yield gauge("process_max_fds", "Maximum number of open file descriptors.", descriptors);
}
