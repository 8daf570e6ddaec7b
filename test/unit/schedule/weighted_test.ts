import { assert, assertEquals } from "@std/assert";
import { claimFor, pick, scheduleTable } from "../../helpers/schedule_table.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

/** How far any channel is from its share after any of the first picks. */
function worstDeviation(weights: readonly number[], picks: number): number {
  const table = scheduleTable("rr", weights);
  const sum = weights.reduce((all, one) => all + one, 0);
  const counts = weights.map(() => 0);
  let worst = 0;
  for (let n = 1; n <= picks; n++) {
    counts[pick(table)]!++;
    counts.forEach((count, i) => {
      worst = Math.max(worst, Math.abs(count - n * weights[i]! / sum));
    });
  }
  return worst;
}

t("weighted round robin is within one of the share at every prefix of 10,000 picks", () => {
  const cases = [
    [5, 1, 1],
    [3, 2],
    [1, 2, 3, 4, 5, 6, 7, 8],
    [256, 1],
    [256, 255, 1],
    [10, ...Array.from({ length: 15 }, () => 1)],
    [100, 100, 1, 1, 1, 1],
    [7, 7, 7, 3, 3, 1],
    [251, 241, 13, 2, 1, 1, 1, 97],
    [0, 2, 1],
  ];
  for (const weights of cases) {
    const worst = worstDeviation(weights, 10_000);
    assert(worst <= 1, `${weights.join(" ")}: off by ${worst}`);
  }
}, PURE);

t("weighted round robin interleaves as nginx does: 5, 1, 1 is A A B A C A A", () => {
  const table = scheduleTable("rr", [5, 1, 1]);
  const order = Array.from({ length: 14 }, () => "ABC"[pick(table)]).join("");
  assertEquals(order, "AABACAAAABACAA");
}, PURE);

t("round robin with equal weights has the order of 3.35, whatever the weight is", () => {
  for (const weight of [1, 7, 256]) {
    const table = scheduleTable("rr", [weight, weight, weight]);
    assertEquals(Array.from({ length: 7 }, () => pick(table)), [0, 1, 2, 0, 1, 2, 0]);
  }
}, PURE);

t("a channel with weight 0 gets no connections, and with a weight it does again", () => {
  for (const schedule of ["rr", "hash", "least", "random", "first", "consistent"] as const) {
    const table = scheduleTable(schedule, [0]);
    assertEquals(pick(table), -1, schedule);
    table.setWeight(0, 0, 3);
    assertEquals(pick(table), 0, schedule);
  }
}, PURE);

t("a changed weight counts from the next pick on", () => {
  const table = scheduleTable("rr", [1, 1]);
  pick(table);
  table.setWeight(0, 1, 3);
  const picks = Array.from({ length: 400 }, () => pick(table));
  assertEquals(picks.filter((channel) => channel === 1).length, 300);
}, PURE);

t("a slow start begins with a tenth of the weight", () => {
  const table = scheduleTable("rr", [10, 10]);
  table.setRamp(0, 1, 10);
  const picks = Array.from({ length: 1100 }, () => pick(table));
  assertEquals(picks.filter((channel) => channel === 1).length, 100);
  table.setRamp(0, 1, 100);
  assertEquals(Array.from({ length: 4 }, () => pick(table)).sort(), [0, 0, 1, 1]);
}, PURE);

t("a channel gets its share during a slow start even if clients are rare", () => {
  const table = scheduleTable("rr", [10, 10]);
  let picks = 0, share = 0;
  for (let percent = 10; percent < 100; percent++) {
    table.setRamp(0, 1, percent);
    picks += pick(table);
    share += percent / (100 + percent);
  }
  assert(Math.abs(picks - share) <= 2, `${picks} picks instead of ${share}`);
}, PURE);

t("a channel that was full for long does not get all connections afterwards", () => {
  const table = scheduleTable("rr", [3, 1]);
  table.setMaxc(0, 0, 1);
  using held = claimFor(table);
  assertEquals(held?.channel, 0);
  for (let i = 0; i < 1000; i++) assertEquals(pick(table), 1);
  held?.[Symbol.dispose]();
  table.setMaxc(0, 0, 0);
  const picks = Array.from({ length: 40 }, () => pick(table));
  const light = picks.filter((channel) => channel === 1).length;
  assert(light >= 7 && light <= 13, `the light one got ${light} of 40`);
}, PURE);
