import { formatIp } from "../address/ip.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { HASH } from "./hash_schedule.ts";
import { ROUND_ROBIN } from "./round_robin.ts";
import type { Schedule, ScheduledClient, Search } from "./schedule.ts";
import type { GroupType, Table } from "./table.ts";

/** The schedule for each group type. */
export const SCHEDULES: Readonly<Record<GroupType, Schedule>> = { rr: ROUND_ROBIN, hash: HASH };

/** The channel chosen for a connection; `c` counts the connection until the claim is disposed. */
export interface Claim extends Disposable {
  readonly group: number;
  readonly channel: number;
  /** The channel's address when it was chosen; `assign` may have changed it since. */
  readonly backend: Endpoint;
  /** The account of that address; see {@link Table}. */
  readonly account: number;
}

/**
 * Chooses channels for one client. The caller takes one claim, then another each time a connect
 * fails, and must dispose of each.
 *
 * Groups are tried in order. In each group, the schedule chooses among the available channels, each
 * at most once.
 *
 * @param trace Prints how a hash group chose, for `-d`.
 */
export function* claims(
  table: Table,
  client: ScheduledClient,
  trace?: (line: string) => void,
): Generator<Claim, void, void> {
  for (let group = 0; group < table.size.groups; group++) {
    if (table.length(group) === 0) continue;
    const schedule = SCHEDULES[table.type(group)];
    const search = schedule.search(table, group, client);
    while (search.done < search.tries) {
      const first = search.last < 0;
      const claim = table.locked(() => {
        const channel = schedule.next(table, search);
        return channel < 0 ? undefined : new HeldClaim(table, group, channel);
      });
      if (first && trace !== undefined) traceHash(search, { claim, client, trace });
      if (claim === undefined) break;
      yield claim;
    }
  }
}

class HeldClaim implements Claim {
  readonly backend: Endpoint;
  readonly account: number;
  #table: Table | undefined;

  constructor(table: Table, readonly group: number, readonly channel: number) {
    const address = formatIp(table.address(group, channel));
    this.backend = { address, port: table.port(group, channel) };
    this.account = table.enter(group, channel);
    this.#table = table;
  }

  [Symbol.dispose](): void {
    this.#table?.leave(this.account);
    this.#table = undefined;
  }
}

/** Prints the `-d` lines about what a hash group chose. */
function traceHash(
  { group, length, start, hash }: Search,
  { claim, client, trace }: {
    claim: Claim | undefined;
    client: ScheduledClient;
    trace: (line: string) => void;
  },
): void {
  if (hash === undefined) return;
  // 3.35 prints the hash as a signed number.
  trace(`hash of client address: ${hash | 0}`);
  trace(`hash modulo ${length} channels of group ${group} is ${start}`);
  if (claim?.channel === start) return;
  trace(`channel ${start} of group ${group} is not available`);
  if (!client.hashFailover) return;
  trace(
    claim === undefined
      ? `-H found no other channel in group ${group}`
      : `-H found channel ${claim.channel} in group ${group}`,
  );
}
