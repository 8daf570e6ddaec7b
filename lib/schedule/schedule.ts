/** The interface of a schedule: how a group chooses among its channels. */

import { type Table, USABLE } from "../table/table.ts";
import type { ClientKey } from "./client_key.ts";

/** What a schedule may know about the client. */
export interface ScheduledClient {
  /** Computes the key of the client's address. */
  readonly key: () => ClientKey;
  /** `-H`: if the hashed channel is not available, a hash group tries the next one. */
  readonly hashFailover: boolean;
}

/** The search for a channel of one group for one client. Only the schedule changes it. */
export interface Search {
  readonly group: number;
  /** Channels of the group, including disabled ones and free slots. */
  length: number;
  /** The arrangement of the table that the indexes are of; see `Table`. */
  arrangement: number;
  /** Index to try first; -1 if the schedule has not chosen it yet. */
  start: number;
  /** Maximum number of channels to try. */
  tries: number;
  /** Channels tried so far. */
  done: number;
  /** Index of the most recently chosen channel; -1 if none was chosen yet. */
  last: number;
  /** The client's key, for schedules that use it. */
  readonly client?: ClientKey | undefined;
  /** Indexes of the channels chosen before; they are not chosen again. */
  chosen: number[];
  /** The IDs of these channels; see `Table`. */
  readonly ids: number[];
  /** Which channels may be chosen, see {@link Table.usable}: `USABLE` ones first. */
  level: number;
}

/** A schedule. It has no state of its own; cursors and debts are in the table. */
export interface Schedule {
  /** Starts a search in a group that has at least one channel. */
  search(table: Table, group: number, client: ScheduledClient): Search;
  /**
   * Chooses the next channel that {@link mayChoose} allows. Called inside {@link Table.locked}.
   *
   * @returns The index of the channel; -1 if no other channel is available.
   */
  next(table: Table, search: Search): number;
}

/** The start of a search that may try all channels, in an order that the schedule knows. */
export function newSearch(table: Table, group: number, client?: ClientKey): Search {
  const { arrangement } = table, length = table.active(group);
  // deno-fmt-ignore
  return { group, length, arrangement, start: -1, tries: length, done: 0, last: -1, client,
    chosen: [], ids: [], level: USABLE };
}

/** Whether a channel is available, at the level of the search, and was not chosen before. */
export function mayChoose(table: Table, { group, level, chosen }: Search, index: number): boolean {
  return table.usable(group, index) === level && !chosen.includes(index);
}

/**
 * Chooses the next channel of a search, at its level. Called inside {@link Table.locked}.
 *
 * @returns The index of the channel; -1 if no other channel is available.
 */
export function nextOf(schedule: Schedule, table: Table, search: Search): number {
  const index = search.length === 0 ? -1 : schedule.next(table, search);
  if (index < 0) return index;
  search.chosen.push(index);
  search.ids.push(table.id(search.group, index));
  return index;
}

/**
 * Starts a search again in its group if channels have got other numbers since. Called inside
 * {@link Table.locked}.
 */
export function refreshed(
  schedule: Schedule,
  search: Search,
  { table, client }: { table: Table; client: ScheduledClient },
): void {
  if (search.arrangement === table.arrangement) return;
  const { group, ids, level } = search, length = table.active(group);
  const chosen: number[] = [];
  for (let index = 0; index < length; index++) {
    if (ids.includes(table.id(group, index))) chosen.push(index);
  }
  const { arrangement } = table;
  if (length === 0) Object.assign(search, { length, arrangement, chosen });
  else Object.assign(search, schedule.search(table, group, client), { chosen, ids, level });
}

/** Indexes of the channels that a search may choose. */
export function* choices(table: Table, search: Search): Generator<number> {
  for (let index = 0; index < search.length; index++) {
    if (mayChoose(table, search, index)) yield index;
  }
}
