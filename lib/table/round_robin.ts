import type { Schedule, Search } from "./schedule.ts";
import type { Table } from "./table.ts";

/** Round robin (`!`): the first available channel from the cursor on; the cursor moves past it. */
export const ROUND_ROBIN: Schedule = {
  search(table, group) {
    const length = table.length(group);
    return { group, length, start: -1, tries: length, done: 0, last: -1 };
  },
  next(table, search) {
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
    if (table.available(group, index)) found = index;
  }
  if (search.last < 0) table.setCursor(group, found < 0 ? 0 : (found + 1) % length);
  else if (found >= 0 && table.cursor(group) === (search.last + 1) % length) {
    table.setCursor(group, (found + 1) % length);
  }
  if (found >= 0) search.last = found;
  return found;
}
