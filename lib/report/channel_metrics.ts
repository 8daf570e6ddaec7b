/** The metrics of each channel. */

import { formatEndpoint } from "../address/host_port.ts";
import { formatIp } from "../address/ip.ts";
import { type ChannelCounts, CHECK_BOUNDS_S, type CheckCounters } from "../check/check_counters.ts";
import type { Table } from "../table/table.ts";
import type { Family, Labels, Sample } from "./exposition.ts";
import { counter, gauge, histogram, histogramSamples } from "./families.ts";
import { CONNECT_BOUNDS_S, type Stats, type Times } from "./stats.ts";

/** Where the values come from. */
interface ChannelSource {
  readonly table: Table;
  readonly stats: Stats;
  readonly checks: CheckCounters;
}

/** One address of a channel: the current one or a former one. */
type TableRow = ReturnType<Table["rowsByAddress"]> extends Generator<infer Row> ? Row : never;

/** The same, with its labels. */
interface AddressRow extends TableRow {
  readonly labels: Labels;
}

/** All metrics of the channels. */
export function* channelMetrics(
  { table, stats, checks }: ChannelSource,
): Generator<Family> {
  const rows = [...table.rowsByAddress()].map((row) => ({ ...row, labels: labelsOf(row) }));
  const current = rows.filter((row) => row.current);
  yield gauge(
    "balance_channel_enabled",
    "1 if the channel is enabled, 0 if it is disabled or draining.",
    samples(current, (row) => Number(row.state === "enabled")),
  );
  yield gauge(
    "balance_channel_available",
    "1 if the channel can take a connection now.",
    samples(current, (row) => Number(table.available(row.group, row.channel))),
  );
  yield* healthMetrics(current, { table, checks });
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

function labelsOf({ group, channel, address, port, current }: TableRow): Labels {
  // The account that adds up former addresses has none; a current one may have none yet.
  const isSum = address.length === 0 && !current;
  const backend = isSum ? "former" : formatEndpoint({ address: formatIp(address), port });
  return { group: String(group), channel: String(channel), backend };
}

function* connectTimes(rows: readonly AddressRow[], stats: Stats): Generator<Sample> {
  for (const { labels, account } of rows) {
    yield* histogramSamples(stats.connectTimes(account), CONNECT_BOUNDS_S, labels);
  }
}

/** Health, weights and checks. Only channels with an active check have series about checks. */
function* healthMetrics(
  rows: readonly AddressRow[],
  { table, checks }: Pick<ChannelSource, "table" | "checks">,
): Generator<Family> {
  yield gauge(
    "balance_channel_up",
    "0 if health checks or failed connects (--passive) found the backend down, otherwise 1.",
    samples(rows, (row) => Number(row.health !== "down")),
  );
  yield gauge(
    "balance_channel_draining",
    "1 if the channel is draining: it gets no new connections, and open ones may end.",
    samples(rows, (row) => Number(row.state === "draining")),
  );
  yield gauge(
    "balance_channel_weight",
    "Effective weight: lower than the configured one during a slow start or because of an agent.",
    samples(rows, (row) => table.effectiveWeight(row.group, row.channel) / 100),
  );
  yield counter(
    "balance_health_changes",
    "Number of times the backend went up or down.",
    samples(rows, (row) => checks.of(row.group, row.channel).changes),
  );
  const checked = rows.filter((row) => table.isChecked(row.group, row.channel));
  if (checked.length === 0) return;
  yield counter(
    "balance_checks",
    "Health checks of the backend, by result.",
    results(checked, checks),
  );
  yield histogram(
    "balance_check_duration_seconds",
    "Duration of health checks of the backend, passed and failed.",
    checkTimes(checked, checks),
  );
}

function* results(
  rows: readonly AddressRow[],
  checks: CheckCounters,
): Generator<Sample> {
  for (const { labels, group, channel } of rows) {
    const counts = checks.of(group, channel);
    for (const result of ["passed", "failed"] as const) {
      yield { labels: { ...labels, result }, value: counts[result] };
    }
  }
}

function* checkTimes(
  rows: readonly AddressRow[],
  checks: CheckCounters,
): Generator<Sample> {
  for (const { labels, group, channel } of rows) {
    yield* histogramSamples(timesOf(checks.of(group, channel)), CHECK_BOUNDS_S, labels);
  }
}

function timesOf({ passed, failed, buckets, sumMs }: ChannelCounts): Times {
  return {
    buckets: buckets.map(BigInt),
    count: BigInt(passed + failed),
    sumUs: BigInt(Math.round(sumMs * 1000)),
  };
}
