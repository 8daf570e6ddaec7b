/** The interface of a schedule: how a group chooses among its channels. */

import type { Table } from "./table.ts";

/** What a schedule may know about the client. */
export interface ScheduledClient {
  /** Computes the hash of the client's address. */
  readonly hash: () => number;
  /** `-H`: if the hashed channel is not available, a hash group tries the next one. */
  readonly hashFailover: boolean;
}

/** The search for a channel of one group for one client. Only the schedule changes it. */
export interface Search {
  readonly group: number;
  /** Channels of the group, including disabled and removed ones. */
  readonly length: number;
  /** Index to try first; -1 if the schedule has not chosen it yet. */
  start: number;
  /** Maximum number of channels to try. */
  readonly tries: number;
  /** Channels tried so far. */
  done: number;
  /** Index of the most recently chosen channel; -1 if none was chosen yet. */
  last: number;
  /** The client's hash in a hash group; for `-d`. */
  readonly hash?: number | undefined;
}

/** A schedule. It has no state of its own; the cursors are in the table. */
export interface Schedule {
  /** Starts a search in a group that has at least one channel. */
  search(table: Table, group: number, client: ScheduledClient): Search;
  /**
   * Chooses the next available channel. A search chooses each channel at most once. Called inside
   * {@link Table.locked}.
   *
   * @returns The index of the channel; -1 if no other channel is available.
   */
  next(table: Table, search: Search): number;
}
