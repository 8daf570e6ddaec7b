import { assertEquals } from "@std/assert";
import {
  CONNECT_BOUNDS_S,
  newStats,
  Stats,
  UNREACHABLE_MS,
  WAIT_BOUNDS_S,
} from "../../../lib/report/stats.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t(
  "Stats share their counters between isolates, and releaseWorker() removes a dead worker's share",
  () => {
    const stats = newStats({ accounts: 6, workers: 2 });
    const other = new Stats(stats.handle, 1);
    stats.started();
    other.started();
    other.started();
    other.ended("client reset");
    assertEquals([stats.accepted, stats.open, stats.endedBy("client reset")], [3n, 2, 1n]);
    stats.closing(1n);
    other.closing(1n);
    other.closing(1n);
    other.closing(-1n);
    assertEquals([stats.nowClosing, other.nowClosing, stats.open], [2, 2, 2]);
    stats.releaseWorker(1);
    assertEquals([stats.open, other.open, stats.nowClosing], [1, 1, 1]);
    other.failed(5, "refused");
    other.blame(5);
    assertEquals([stats.failedBy("refused"), stats.blamed(5), stats.blamed(4)], [1n, 1n, 0n]);
    // The upper bound of a bucket is inclusive.
    for (const ms of [0.5, 0.6, 1, 10_000, 10_001]) other.connected(5, ms);
    const { buckets, count, sumUs } = stats.connectTimes(5);
    assertEquals(buckets.slice(0, 3), [1n, 2n, 0n]);
    assertEquals(buckets.slice(-2), [1n, 1n]);
    assertEquals([buckets.length, count, sumUs], [CONNECT_BOUNDS_S.length + 1, 5n, 20_003_100n]);
    assertEquals(stats.connectTimes(0).count, 0n);
  },
  PURE,
);

t("Stats share a histogram of the times in the wait line", () => {
  const stats = newStats({ accounts: 1, workers: 2 }), other = new Stats(stats.handle, 1);
  stats.started();
  stats.connected(0, 1);
  for (const ms of [5, 6, 300_000]) other.waited(ms);
  stats.waited(300_001);
  const { buckets, count, sumUs } = stats.waitTimes;
  assertEquals([buckets.slice(0, 3), buckets.slice(-2)], [[1n, 1n, 0n], [1n, 1n]]);
  assertEquals([buckets.length, count, sumUs], [WAIT_BOUNDS_S.length + 1, 4n, 600_012_000n]);
  // It overlaps no other counter.
  assertEquals([stats.accepted, stats.open, stats.connectTimes(0).count], [1n, 1, 1n]);
}, PURE);

t("the counters of an account can be added to another one, and start from zero again", () => {
  const stats = newStats({ accounts: 2, workers: 1 });
  for (const account of [0, 1]) {
    stats.connected(account, 3);
    stats.blame(account);
  }
  stats.folded(0, 1);
  stats.opened(0);
  const of = (account: number) => {
    const { count, sumUs } = stats.connectTimes(account);
    return [stats.blamed(account), count, sumUs];
  };
  assertEquals([of(0), of(1)], [[0n, 0n, 0n], [2n, 2n, 6000n]]);
}, PURE);

t(
  "an account is unreachable for some seconds after a failed attempt, until the next success",
  () => {
    const stats = newStats({ accounts: 2, workers: 2 });
    const other = new Stats(stats.handle, 1);
    const now = 1_800_000_000_000;
    assertEquals(stats.unreachable(0, now), false);
    other.failed(0, "refused", now);
    assertEquals(stats.unreachable(0, now), true);
    assertEquals(stats.unreachable(1, now), false);
    assertEquals(stats.unreachable(0, now + UNREACHABLE_MS - 1), true);
    assertEquals(stats.unreachable(0, now + UNREACHABLE_MS), false);
    // The clock was set back.
    assertEquals(stats.unreachable(0, now - 1), false);

    other.connected(0, 1);
    assertEquals(stats.unreachable(0, now), false);
    // The client left: that shows nothing about the backend.
    other.failed(0, "cancelled", now);
    assertEquals(stats.unreachable(0, now), false);
    other.failed(0, "timeout", now);
    other.failed(0, "cancelled", now);
    assertEquals(stats.unreachable(0, now), true);
    stats.enabled(0);
    assertEquals(stats.unreachable(0, now), false);
    stats.failed(0, "timeout", now);
    stats.folded(0, 1);
    stats.opened(0);
    assertEquals([stats.unreachable(0, now), stats.unreachable(1, now)], [false, false]);
  },
  PURE,
);
