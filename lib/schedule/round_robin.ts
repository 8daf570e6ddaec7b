import type { Table } from "../table/table.ts";
import { choices, mayChoose, newSearch, type Schedule, type Search } from "./schedule.ts";
import { smoothChoice } from "./smooth_rule.ts";

/**
 * Round robin (`!`): the first available channel from the cursor on; the cursor moves past it. With
 * different weights, smooth weighted round robin.
 */
export const ROUND_ROBIN: Schedule = {
  search: (table, group) => newSearch(table, group),
  next(table, search) {
    if (table.isWeighted(search.group)) return nextWeighted(table, search);
    if (search.start < 0) search.start = table.cursor(search.group) % search.length;
    return nextAvailable(table, search);
  },
};

/**
 * Chooses the next available channel, in circular order from `search.start`, and advances the
 * cursor past it. A failover advances the cursor only if it still points to the channel after the
 * failed one; otherwise another connection has already advanced it.
 */
export function nextAvailable(table: Table, search: Search): number {
  const { group, length } = search;
  let found = -1;
  while (found < 0 && search.done < search.tries) {
    const index = (search.start + search.done++) % length;
    if (mayChoose(table, search, index)) found = index;
  }
  if (search.last < 0) table.setCursor(group, found < 0 ? 0 : (found + 1) % length);
  else if (found >= 0 && table.cursor(group) === (search.last + 1) % length) {
    table.setCursor(group, (found + 1) % length);
  }
  if (found >= 0) search.last = found;
  return found;
}

function nextWeighted(table: Table, search: Search): number {
  const { group } = search;
  const channels = [...choices(table, search)];
  if (channels.length === 0) return -1;
  const weights = channels.map((channel) => table.effectiveWeight(group, channel));
  const debts = channels.map((channel) => table.debt(group, channel));
  const chosen = smoothChoice(weights, debts);
  channels.forEach((channel, i) => table.setDebt(group, channel, debts[i]!));
  return search.last = channels[chosen]!;
}
