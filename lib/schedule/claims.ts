import { CROWDED, LAST_RESORT, type Table, USABLE } from "../table/table.ts";
import { type Claim, claimOf, enter, type Entry } from "./claim.ts";
import { nextOf, refreshed, type Schedule, type ScheduledClient, type Search } from "./schedule.ts";
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
 * at most once. Suspect channels come last. A client that cannot wait then also tries those that
 * another client probes: it is better served late than turned away.
 */
export function* claims(
  table: Table,
  client: ScheduledClient,
  { barred, trace }: ClaimOptions = {},
): Generator<Claim, void, void> {
  const searches: GroupSearch[] = [];
  for (let group = 0; group < table.size.groups; group++) {
    if (table.active(group) === 0) continue;
    const search = searchIn(table, group, client);
    searches.push(search);
    yield* claimsOf(table, search, { client, barred, trace });
  }
  for (const level of barred === undefined ? [LAST_RESORT, CROWDED] : [LAST_RESORT]) {
    for (const one of searches) {
      one.search.level = level;
      one.search.done = 0;
      yield* claimsOf(table, one, { client, barred });
    }
  }
}

/** The channels of one group at the level of the search. */
function* claimsOf(
  table: Table,
  { schedule, search }: GroupSearch,
  { client, barred, trace }: ClaimOptions & { client: ScheduledClient },
): Generator<Claim, void, void> {
  const { group } = search;
  while (search.chosen.length < search.length || search.arrangement !== table.arrangement) {
    const isFirst = search.chosen.length === 0;
    const entry = table.locked(() => {
      if (barred?.() === true) return undefined;
      refreshed(schedule, search, { table, client });
      const channel = nextOf(schedule, table, search);
      return channel < 0 ? undefined : enter(table, { group, channel, worker: table.worker });
    });
    if (isFirst && trace !== undefined && schedule === SCHEDULES.hash) {
      const channel = entry && table.placeOf(entry.account).channel;
      traceHash(search, { channel, client, trace });
    }
    if (entry === undefined) return;
    yield claimOf(table, entry);
  }
}

/** A search, and the schedule that started it; the group may have got another one since. */
interface GroupSearch {
  readonly schedule: Schedule;
  readonly search: Search;
}

function searchIn(table: Table, group: number, client: ScheduledClient): GroupSearch {
  const schedule = SCHEDULES[table.schedule(group)];
  return { schedule, search: schedule.search(table, group, client) };
}

/**
 * Chooses a channel for a client that waits, and counts its connection. Called inside
 * {@link Table.locked}.
 *
 * @param worker The worker of the connection.
 * @returns `undefined` if no channel is available to the client.
 */
export function enterNow(table: Table, client: ScheduledClient, worker: number): Entry | undefined {
  for (const level of [USABLE, LAST_RESORT]) {
    for (let group = 0; group < table.size.groups; group++) {
      if (table.active(group) === 0) continue;
      const { schedule, search } = searchIn(table, group, client);
      search.level = level;
      const channel = nextOf(schedule, table, search);
      if (channel >= 0) return enter(table, { group, channel, worker });
    }
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
