import type { Table } from "../table/table.ts";
import { type Claim, claimOf, enter, type Entry } from "./claim.ts";
import { nextOf, type ScheduledClient, type Search } from "./schedule.ts";
import { SCHEDULES } from "./schedules.ts";

/** How to search. */
export interface ClaimOptions {
  /**
   * Clients that wait come first: if this returns `true`, no channel is claimed. Called inside
   * {@link Table.locked}.
   */
  readonly barred?: (() => boolean) | undefined;
  /** Prints how a hash group chose, for `-d`. */
  readonly trace?: ((line: string) => void) | undefined;
}

/**
 * Chooses channels for one client. The caller takes one claim, then another each time a connect
 * fails, and must dispose of each.
 *
 * Groups are tried in order. In each group, the schedule chooses among the available channels, each
 * at most once.
 */
export function* claims(
  table: Table,
  client: ScheduledClient,
  { barred, trace }: ClaimOptions = {},
): Generator<Claim, void, void> {
  for (let group = 0; group < table.size.groups; group++) {
    if (table.length(group) === 0) continue;
    const name = table.schedule(group), schedule = SCHEDULES[name];
    const search = schedule.search(table, group, client);
    while (search.chosen.length < search.length) {
      const isFirst = search.chosen.length === 0;
      const entry = table.locked(() => {
        if (barred?.() === true) return undefined;
        const channel = nextOf(schedule, table, search);
        return channel < 0 ? undefined : enter(table, { group, channel, worker: table.worker });
      });
      if (isFirst && trace !== undefined && name === "hash") {
        traceHash(search, { channel: entry?.channel, client, trace });
      }
      if (entry === undefined) break;
      yield claimOf(table, entry);
    }
  }
}

/**
 * Chooses a channel for a client that waits, and counts its connection. Called inside
 * {@link Table.locked}.
 *
 * @param worker The worker of the connection.
 * @returns `undefined` if no channel is available to the client.
 */
export function enterNow(table: Table, client: ScheduledClient, worker: number): Entry | undefined {
  for (let group = 0; group < table.size.groups; group++) {
    if (table.length(group) === 0) continue;
    const schedule = SCHEDULES[table.schedule(group)];
    const channel = nextOf(schedule, table, schedule.search(table, group, client));
    if (channel >= 0) return enter(table, { group, channel, worker });
  }
  return undefined;
}

/** Prints the `-d` lines about what a hash group chose. */
function traceHash(
  { group, length, start, client: key }: Search,
  { channel, client, trace }: {
    channel: number | undefined;
    client: ScheduledClient;
    trace: (line: string) => void;
  },
): void {
  // 3.35 prints the hash as a signed number.
  trace(`hash of client address: ${key!.hash | 0}`);
  trace(`hash modulo ${length} channels of group ${group} is ${start}`);
  if (channel === start) return;
  trace(`channel ${start} of group ${group} is not available`);
  if (!client.hashFailover) return;
  trace(
    channel === undefined
      ? `-H found no other channel in group ${group}`
      : `-H found channel ${channel} in group ${group}`,
  );
}
