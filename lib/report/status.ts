import { VERSION } from "../base/version.ts";
import type { CheckStatus } from "../check/check_status.ts";
import { type ChannelRecord, channelRecords } from "../table/channel_record.ts";
import { healthProblem } from "./health.ts";
import { type MetricsSource, uptimeS, usedDescriptors } from "./metrics.ts";
import type { Json } from "./pages/json_text.ts";
import { FAILURES, REASONS, word } from "./vocabulary.ts";

/** The content of `/status.json`; it is read once. Counters are exact up to 2^53. */
export function status(source: MetricsSource, { stopping }: { stopping: boolean }): Json {
  const { table, stats, listener, engine, descriptors } = source;
  const records = channelRecords(table);
  return {
    version: VERSION,
    deno: Deno.version.deno,
    engine,
    pid: Deno.pid,
    uptimeSeconds: Math.round(uptimeS() * 1000) / 1000,
    listener: { ...listener },
    workers: table.size.workers,
    stopping,
    healthy: healthProblem(source, { stopping }) === undefined,
    groups: [...Map.groupBy(records, ({ group }) => group)].map(([group, channels]) => ({
      group,
      type: table.schedule(group),
      channels: mapped(channels, (record) => channelStatus(source, record)),
    })),
    totals: {
      connections: stats.open,
      closing: stats.nowClosing,
      waiting: source.line?.length ?? 0,
      accepted: Number(stats.accepted),
      ended: Object.fromEntries(REASONS.map((one) => [word(one), Number(stats.endedBy(one))])),
      connectFailures: Object.fromEntries(
        FAILURES.map((one) => [word(one), Number(stats.failedBy(one))]),
      ),
      sent: records.reduce((total, { sent }) => total + sent, 0),
      rcvd: records.reduce((total, { rcvd }) => total + rcvd, 0),
    },
    dropped: {
      messages: source.messagesDropped(),
      logLines: source.logDropped(),
      dumpChunks: source.dumpDropped(),
    },
    descriptors: { connections: usedDescriptors(source), limit: descriptors },
  };
}

/** As `map()`, but each item is computed when it is read. */
function* mapped<T>(items: readonly T[], one: (item: T) => Json): Generator<Json> {
  for (const item of items) yield one(item);
}

function channelStatus({ table, stats, check }: MetricsSource, record: ChannelRecord): Json {
  const { group, channel, address, port, state, c, totalc, maxc, sent, rcvd } = record;
  const { health, weight } = record, status = check?.(group, channel);
  // As in show, the counters of a channel include its former addresses.
  const accounts = [...table.accountsOf(group, channel)];
  const times = accounts.map((account) => stats.connectTimes(account));
  const count = times.reduce((sum, one) => sum + one.count, 0n);
  const sumUs = times.reduce((sum, one) => sum + one.sumUs, 0n);
  return {
    channel,
    address,
    port,
    state,
    available: table.available(group, channel),
    unreachable: stats.unreachable(table.account(group, channel)),
    c,
    totalc,
    maxc,
    sent,
    rcvd,
    connects: Number(count),
    connectFailures: accounts.reduce((sum, one) => sum + Number(stats.blamed(one)), 0),
    connectMsMean: count === 0n ? undefined : Math.round(Number(sumUs / count)) / 1000,
    health,
    healthSince: status && health !== "unknown" ? isoTime(status.sinceMs) : undefined,
    weight,
    effectiveWeight: table.effectiveWeight(group, channel) / 100,
    send_proxy: record.send_proxy,
    check: status && status.spec !== "none" ? checkStatus(status) : undefined,
  };
}

/**
 * What everyone may know about the check of a channel: neither how it was written, which may contain
 * a password, nor the text of its result, which may quote the backend.
 */
function checkStatus({ spec, last }: CheckStatus): Json {
  return {
    kind: spec.split(":", 1)[0],
    passed: last?.ok,
    durationMs: last && Math.round(last.ms * 1000) / 1000,
    at: last && isoTime(last.atMs),
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
