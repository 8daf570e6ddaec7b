import { assertEquals } from "@std/assert";
import { CONNECT_BOUNDS_S, newStats, Stats } from "../../../lib/report/stats.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t(
  "Stats share their counters between isolates, and releaseWorker() removes a dead worker's share",
  () => {
    const stats = newStats({ groups: 2, channels: 3, workers: 2 });
    const other = new Stats(stats.handle, 1);
    stats.started();
    other.started();
    other.started();
    other.ended("client reset");
    assertEquals([stats.accepted, stats.open, stats.endedBy("client reset")], [3n, 2, 1n]);
    stats.releaseWorker(1);
    assertEquals([stats.open, other.open], [1, 1]);
    other.failed("refused");
    other.blame(1, 2);
    assertEquals([stats.failedBy("refused"), stats.blamed(1, 2), stats.blamed(1, 1)], [1n, 1n, 0n]);
    // The upper bound of a bucket is inclusive.
    for (const ms of [0.5, 0.6, 1, 10_000, 10_001]) other.connected(1, 2, ms);
    const { buckets, count, sumUs } = stats.connectTimes(1, 2);
    assertEquals(buckets.slice(0, 3), [1n, 2n, 0n]);
    assertEquals(buckets.slice(-2), [1n, 1n]);
    assertEquals([buckets.length, count, sumUs], [CONNECT_BOUNDS_S.length + 1, 5n, 20_003_100n]);
    assertEquals(stats.connectTimes(0, 0).count, 0n);
  },
  PURE,
);
