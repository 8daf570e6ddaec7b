import { formatIp } from "../address/ip.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { hashSchedule } from "./hash_schedule.ts";
import { roundRobin } from "./round_robin.ts";
import type { Schedule, ScheduledClient, Search } from "./schedule.ts";
import type { GroupType, Table } from "./table.ts";

/** One connection's hold on a channel: counted in `c` until it is disposed. */
export interface Claim extends Disposable {
  readonly group: number;
  readonly channel: number;
  /** The channel's address when it was claimed; `assign` may change the channel later. */
  readonly backend: Endpoint;
  /** The account of that address, see {@link Table}. */
  readonly account: number;
}

const SCHEDULES: Readonly<Record<GroupType, Schedule>> = { rr: roundRobin, hash: hashSchedule };

/**
 * The channels to try for one client, first choice first. Each is claimed when it is taken out of
 * the generator, and must be disposed.
 *
 * Taking the next one means that the previous one failed. Groups are searched in order, each at
 * most once around, and every channel must be available ({@link Table.available}).
 *
 * @param table Where the channels are.
 * @param client What schedules may know about the client.
 * @param trace Receives what a hash group decided, for `-d`.
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
      const claim = table.locked(() => claimNext(table, schedule, search));
      if (first && trace !== undefined) traceHash(search, { claim, client, trace });
      if (claim === undefined) break;
      yield claim;
    }
  }
}

/** Claims the next channel of a search. The address is read under the same lock. */
function claimNext(table: Table, schedule: Schedule, search: Search): Claim | undefined {
  const { group } = search;
  const channel = schedule.next(table, search);
  if (channel < 0) return undefined;
  const account = table.enter(group, channel);
  const backend = {
    address: formatIp(table.address(group, channel)),
    port: table.port(group, channel),
  };
  return new HeldClaim(table, { group, channel, backend, account });
}

class HeldClaim implements Claim {
  #table: Table | undefined;
  readonly group: number;
  readonly channel: number;
  readonly backend: Endpoint;
  readonly account: number;

  constructor(table: Table, claimed: Omit<Claim, keyof Disposable>) {
    this.#table = table;
    this.group = claimed.group;
    this.channel = claimed.channel;
    this.backend = claimed.backend;
    this.account = claimed.account;
  }

  [Symbol.dispose](): void {
    this.#table?.leave(this.account);
    this.#table = undefined;
  }
}

/** The lines of `-d` about a choice by hash. */
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
