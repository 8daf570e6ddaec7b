import { compareLoads } from "./least.ts";
import { choices, newSearch, type Schedule } from "./schedule.ts";

/**
 * Random: two different channels are drawn by weight; the one with the lower load is chosen, as in
 * `least`.
 *
 * @param random Returns a number from 0 (included) to 1 (excluded).
 */
export function randomSchedule(random: () => number = Math.random): Schedule {
  return {
    search: (table, group) => newSearch(table, group),
    next(table, search) {
      const { group } = search, channels = [...choices(table, search)];
      const weights = channels.map((channel) => table.effectiveWeight(group, channel));
      if (channels.length < 2) return search.last = channels[0] ?? -1;
      const first = drawn(weights, random());
      const others = weights.map((weight, i) => i === first ? 0 : weight);
      const a = channels[first]!, b = channels[drawn(others, random())]!;
      return search.last = compareLoads(table, { group, a, b }) <= 0 ? a : b;
    },
  };
}

/** Draws an index by weight; `at` is from 0 to 1. */
function drawn(weights: readonly number[], at: number): number {
  let rest = at * weights.reduce((all, one) => all + one, 0), last = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    last = i;
    rest -= weights[i]!;
    if (rest < 0) return i;
  }
  return last;
}
