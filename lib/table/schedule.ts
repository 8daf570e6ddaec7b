/** What a schedule is: how a group chooses among its channels. */

import type { GroupType, Table } from "./table.ts";

/** What a schedule may know about the client it chooses for. */
export interface ScheduledClient {
  /** Hash of its address; computed only when asked for. */
  readonly hash: () => number;
  /** `-H`: a hash group goes on to the next channel when the hashed one is not available. */
  readonly hashFailover: boolean;
}

/** The search for one client through one group. Changed by its schedule only. */
export interface Search {
  readonly group: number;
  /** Channels of the group, disabled and freed ones included. */
  readonly length: number;
  /** Index tried first; -1 until it is known. */
  start: number;
  /** Maximum number of indices to try, and how many were tried. */
  readonly tries: number;
  done: number;
  /** Index taken last; -1 before the first. */
  last: number;
  /** The client's hash, if the schedule used it; for `-d`. */
  readonly hash?: number | undefined;
}

/** How a group chooses. It has no state of its own: cursors are in the table. */
export interface Schedule {
  /** Its name, as commands and `show` know it. */
  readonly type: GroupType;
  /**
   * Starts a search.
   *
   * @param group A group with at least one channel.
   */
  search(table: Table, group: number, client: ScheduledClient): Search;
  /**
   * The next available channel; each is offered at most once per search. Runs inside
   * {@link Table.locked}.
   *
   * @returns Its index; -1 if there is none.
   */
  next(table: Table, search: Search): number;
}

/**
 * Goes around the group from `search.start` to the next available channel, and moves the cursor.
 *
 * The cursor moves when a channel is chosen, so that bursts are spread exactly. A failover moves it
 * past the failed channel only if no other client moved it in the meantime.
 *
 * @returns The channel's index; -1 if none is available.
 */
export function nextAround(table: Table, search: Search): number {
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
