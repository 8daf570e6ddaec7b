/** Snapshots of channels. */

import type { Ip } from "../address/ip.ts";
import type { Accounts } from "./accounts.ts";
import { CHANNEL, COUNTERS, GROUP, RCVD, SENT, type TableMemory } from "./layout.ts";
import {
  CHANNEL_HEALTHS,
  CHANNEL_STATES,
  type ChannelHealth,
  type ChannelState,
  SCHEDULE_NAMES,
  type ScheduleName,
} from "./states.ts";

/** A snapshot of one channel, or of one of its addresses. */
export interface ChannelRow {
  readonly group: number;
  readonly channel: number;
  /** The schedule of its group. */
  readonly type: ScheduleName;
  readonly state: ChannelState;
  readonly health: ChannelHealth;
  readonly weight: number;
  readonly address: Ip;
  readonly port: number;
  /** Open connections, including those still connecting. */
  readonly c: number;
  /** Attempts to connect so far, modulo 2^32. */
  readonly totalc: number;
  /** Maximum of `c`; 0 for no limit. */
  readonly maxc: number;
  /** Bytes from clients to this channel. */
  readonly sent: bigint;
  /** Bytes from this channel to clients. */
  readonly rcvd: bigint;
}

/** A snapshot of one address of a channel; the first one is the current address. */
export type AddressRow = ChannelRow & { readonly account: number };

/** One row per address of a channel; the current address comes first. */
export function rowsOf(
  { memory, accounts }: { memory: TableMemory; accounts: Accounts },
  group: number,
  channel: number,
): AddressRow[] {
  const { traffic } = memory, at = memory.channel(group, channel);
  const word = (index: number) => Atomics.load(memory.words, index);
  return [...accounts.of(group, channel)].map((account) => ({
    group,
    channel,
    account,
    type: SCHEDULE_NAMES[word(memory.group(group) + GROUP.SCHEDULE)]!,
    state: CHANNEL_STATES[word(at + CHANNEL.STATE)]!,
    health: CHANNEL_HEALTHS[word(at + CHANNEL.HEALTH)]!,
    weight: word(at + CHANNEL.WEIGHT),
    address: accounts.address(account),
    port: accounts.port(account),
    c: accounts.c(account),
    totalc: accounts.totalc(account),
    maxc: word(at + CHANNEL.MAXC),
    sent: traffic.sum(account * COUNTERS + SENT),
    rcvd: traffic.sum(account * COUNTERS + RCVD),
  }));
}

/** The first one of the rows of a channel, with the counters of all. */
export function sumOf(rows: readonly AddressRow[]): ChannelRow {
  const { account: _, ...sum } = rows.reduce((sum, one) => ({
    ...sum,
    c: sum.c + one.c,
    totalc: (sum.totalc + one.totalc) >>> 0,
    sent: BigInt.asUintN(64, sum.sent + one.sent),
    rcvd: BigInt.asUintN(64, sum.rcvd + one.rcvd),
  }));
  return sum;
}
