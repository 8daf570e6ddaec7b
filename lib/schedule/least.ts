import type { Table } from "../table/table.ts";
import { choices, newSearch, type Schedule, type Search } from "./schedule.ts";

/** Least connections: the lowest (c+1)/weight. Channels with the same load take turns. */
export const LEAST: Schedule = {
  search: (table, group) => newSearch(table, group),
  next(table, search) {
    const { group, length } = search, start = table.cursor(group) % length;
    let best = -1, bestTurn = 0;
    for (const index of choices(table, search)) {
      const turn = (index - start + length) % length;
      const order = best < 0 ? -1 : compareLoads(table, { group, a: index, b: best });
      if (order < 0 || (order === 0 && turn < bestTurn)) [best, bestTurn] = [index, turn];
    }
    if (best >= 0) table.setCursor(group, (best + 1) % length);
    return search.last = best;
  },
};

/**
 * Compares the loads that two channels would have with another connection, (c+1)/weight.
 *
 * @returns Negative if that of `a` is lower, positive if that of `b` is, 0 if they are equal.
 */
export function compareLoads(
  table: Table,
  { group, a, b }: Pick<Search, "group"> & { a: number; b: number },
): number {
  return (table.c(group, a) + 1) * table.effectiveWeight(group, b) -
    (table.c(group, b) + 1) * table.effectiveWeight(group, a);
}
