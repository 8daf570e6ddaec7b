import { assertEquals } from "@std/assert";
import { CHECK_BOUNDS_S, CheckCounters } from "../../../lib/check/check_counters.ts";
import { newTable } from "../../../lib/table/table.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const V4 = Uint8Array.of(127, 0, 0, 1);

t("CheckCounters count probes with their durations, and changes, for each channel", () => {
  const table = newTable({ groups: 1, channels: 2, workers: 1 });
  for (const port of [1, 2]) table.add(0, { address: V4, port });
  const counters = new CheckCounters(table);
  // The upper bound of a bucket is inclusive.
  for (const ms of [1, 1.5, 10_000]) counters.probed(0, 1, { ok: true, ms });
  counters.probed(0, 1, { ok: false, ms: 10_001 });
  counters.changed(0, 1);
  const { passed, failed, buckets, sumMs, changes } = counters.of(0, 1);
  assertEquals([passed, failed, sumMs, changes], [3, 1, 20_003.5, 1]);
  assertEquals([buckets.slice(0, 3), buckets.slice(-2)], [[1, 1, 0], [1, 1]]);
  assertEquals(buckets.length, CHECK_BOUNDS_S.length + 1);
  assertEquals(counters.of(0, 0).buckets.every((count) => count === 0), true);
}, PURE);

t("CheckCounters start from zero when a channel gets another backend", () => {
  const table = newTable({ groups: 1, channels: 1, workers: 1 });
  table.add(0, { address: V4, port: 1 });
  const counters = new CheckCounters(table);
  counters.probed(0, 0, { ok: true, ms: 1 });
  counters.changed(0, 0);
  table.assign(0, 0, { address: V4, port: 2 });
  const { passed, changes, sumMs } = counters.of(0, 0);
  assertEquals([passed, changes, sumMs], [0, 0, 0]);
}, PURE);
