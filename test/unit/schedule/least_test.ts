import { assert, assertEquals } from "@std/assert";
import type { Claim } from "../../../lib/schedule/claim.ts";
import { claimFor, scheduleTable } from "../../helpers/schedule_table.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

/** Numbers from 0 to 1 that are the same in every run. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

t("least never chooses a channel that is more than one above the minimum", () => {
  const table = scheduleTable("least", Array.from({ length: 9 }, () => 1));
  const held: Claim[] = [], random = dice(15);
  for (let step = 0; step < 5000; step++) {
    if (held.length > 0 && random() < 0.48) {
      held.splice(Math.floor(random() * held.length), 1)[0]![Symbol.dispose]();
      continue;
    }
    const claim = claimFor(table)!;
    held.push(claim);
    const loads = Array.from({ length: 9 }, (_, channel) => table.c(0, channel));
    assert(loads[claim.channel]! <= Math.min(...loads) + 1, `${loads} chose ${claim.channel}`);
  }
}, PURE);

t("least lets channels with the same load take turns", () => {
  const table = scheduleTable("least", [1, 1, 1]);
  const channels: (number | undefined)[] = [];
  for (let i = 0; i < 6; i++) {
    using claim = claimFor(table);
    channels.push(claim?.channel);
  }
  assertEquals(channels, [0, 1, 2, 0, 1, 2]);
}, PURE);

t("least divides the load by the weight", () => {
  const table = scheduleTable("least", [3, 1]);
  for (let i = 0; i < 400; i++) claimFor(table);
  assertEquals([table.c(0, 0), table.c(0, 1)], [300, 100]);
}, PURE);

t("first fills one channel after the other up to maxc", () => {
  const table = scheduleTable("first", [1, 1, 1]);
  table.setMaxc(0, 0, 2);
  table.setMaxc(0, 1, 1);
  const claims = Array.from({ length: 5 }, () => claimFor(table)!);
  assertEquals(claims.map(({ channel }) => channel), [0, 0, 1, 2, 2]);
  claims[0]![Symbol.dispose]();
  assertEquals(claimFor(table)?.channel, 0);
}, PURE);

t("random with 8 channels has nearly the peak load of least, and follows the weights", () => {
  const load = (schedule: "least" | "random", weights: readonly number[]) => {
    const table = scheduleTable(schedule, weights);
    for (let i = 0; i < 8000; i++) claimFor(table);
    return weights.map((_, channel) => table.c(0, channel));
  };
  const equal = Array.from({ length: 8 }, () => 1);
  const least = Math.max(...load("least", equal)), random = Math.max(...load("random", equal));
  assert(random <= least * 1.05, `random has ${random}, least ${least}`);
  const [heavy = 0, ...light] = load("random", [4, 1, 1, 1, 1]);
  assert(Math.abs(heavy - 4000) < 200, `${heavy} of 8000`);
  assert(light.every((one) => Math.abs(one - 1000) < 100), light.join(" "));
}, PURE);
