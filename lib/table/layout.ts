/**
 * The layout of the table in memory: first the byte counters of all accounts; then, as 32-bit
 * words, a header, the groups, the channels, the accounts, and how many connections of each account
 * each worker holds.
 */

import { Traffic } from "./traffic.ts";

/** Size of a table: groups, channels per group, isolates that use it. Each is at least 1. */
export interface TableSize {
  readonly groups: number;
  readonly channels: number;
  readonly workers: number;
}

/** What another isolate needs to use the same table. */
export interface TableHandle {
  readonly size: TableSize;
  readonly buffer: SharedArrayBuffer;
}

/**
 * Words of the header. `SEND_PROXY`: that of channels without their own. `ANY_SEND_PROXY`: whether
 * any channel may send a PROXY header.
 */
// deno-fmt-ignore
export const HEADER = {
  LOCK: 0, LAST_CONNECTION: 1, FORMERS: 2, LAST_GENERATION: 3, LAST_CHANNEL: 4, ARRANGEMENT: 5,
  SEND_PROXY: 6, ANY_SEND_PROXY: 7,
} as const;

/**
 * Words of a group. `WEIGHTED`: whether the weights of its channels differ. `LEAVING`: how many
 * channels at its end were removed by a reload and have connections.
 */
// deno-fmt-ignore
export const GROUP = { SCHEDULE: 0, LENGTH: 1, CURSOR: 2, WEIGHTED: 3, LEAVING: 4 } as const;

/**
 * Words of a channel. `RAMP`: percent of its weight that it has now. `DEBT`: what weighted round
 * robin owes it. `PROBER`: the worker, from 1, with the one connection that a cautious channel may
 * get. `FAILURES`: failed connects in a row. `CHECKED`: whether an active check decides that it is
 * up. `NAME`: a hash of its host as written, in two words. `ID`: unique while the program runs.
 * `LEAVING`: whether a reload has removed it. `SEND_PROXY`: the PROXY header that it gets, from 1;
 * 0 for that of all channels.
 */
// deno-fmt-ignore
export const CHANNEL = {
  STATE: 0, MAXC: 1, HEALTH: 2, ACCOUNT: 3, WEIGHT: 4, RAMP: 5, DEBT: 6, CAUTION: 7, PROBER: 8,
  FAILURES: 9, GENERATION: 10, CHECKED: 11, NAME: 12, ID: 14, LEAVING: 15,
  SEND_PROXY: 16,
} as const;

/**
 * Words of an account: one address of a channel with its counters. `OWNER`: the `ID` of the channel.
 * `PLACE`: where the channel is, see {@link TableMemory.place}.
 */
// deno-fmt-ignore
export const ACCOUNT = {
  USED: 0, PORT: 1, C: 2, TOTALC: 3, FORMER: 4, FAMILY: 5, ADDRESS: 6, OWNER: 10, PLACE: 11,
} as const;

const HEADER_WORDS = 8, GROUP_WORDS = 5, ACCOUNT_WORDS = 12;

/** How many words a channel has. */
export const CHANNEL_WORDS = 17;

/** Byte counters of an account. */
export const SENT = 0, RCVD = 1, COUNTERS = 2;

/** Maximum number of accounts of former addresses, across all channels. */
const MAX_FORMERS = 4096;

/** The memory of a table as one isolate sees it. */
export class TableMemory {
  readonly size: TableSize;
  /** Places for channels in a group: more than it may have, for those that a reload has removed. */
  readonly slots: number;
  /** Number of accounts. */
  readonly accounts: number;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly traffic: Traffic;
  readonly #channelsAt: number;
  readonly #accountsAt: number;
  readonly #heldAt: number;

  /** @param worker Number of this isolate among `size.workers`, from 0. */
  constructor({ size, buffer }: TableHandle, readonly worker: number) {
    const { workers } = size;
    this.size = size;
    this.slots = slotCount(size);
    this.accounts = accountCount(size);
    const counters = this.accounts * COUNTERS;
    this.traffic = new Traffic(buffer, { counters, workers, worker });
    this.words = new Int32Array(buffer, Traffic.byteLength(counters, workers));
    this.bytes = new Uint8Array(buffer);
    this.#channelsAt = HEADER_WORDS + size.groups * GROUP_WORDS;
    this.#accountsAt = this.#channelsAt + size.groups * this.slots * CHANNEL_WORDS;
    this.#heldAt = this.#accountsAt + this.accounts * ACCOUNT_WORDS;
  }

  /** The first word of a group. */
  group(group: number): number {
    return HEADER_WORDS + group * GROUP_WORDS;
  }

  /** Number of channels of a group, including removed ones. */
  length(group: number): number {
    return this.words[this.group(group) + GROUP.LENGTH]!;
  }

  /** Number of channels of a group without those at its end that a reload has removed. */
  active(group: number): number {
    return this.length(group) - this.words[this.group(group) + GROUP.LEAVING]!;
  }

  /** The first word of a channel. */
  channel(group: number, channel: number): number {
    return this.#channelsAt + this.place(group, channel) * CHANNEL_WORDS;
  }

  /** Group and number of a channel as one number. */
  place(group: number, channel: number): number {
    return group * this.slots + channel;
  }

  /** The first word of an account. */
  account(account: number): number {
    return this.#accountsAt + account * ACCOUNT_WORDS;
  }

  /** The word that counts the connections of an account that a worker holds. */
  held(worker: number, account: number): number {
    return this.#heldAt + worker * this.accounts + account;
  }

  /** Sets an account to zero. */
  clearAccount(account: number): void {
    const at = this.account(account);
    this.words.fill(0, at, at + ACCOUNT_WORDS);
    for (let i = 0; i < COUNTERS; i++) this.traffic.set(account * COUNTERS + i, 0n);
  }
}

/** Maximum number of former addresses that have accounts. */
export function maxFormers({ groups, channels }: TableSize): number {
  return Math.min(Math.max(groups * channels, 64), MAX_FORMERS);
}

/** Twice as many channels as a group may have: a reload may replace all of them. */
function slotCount({ channels }: TableSize): number {
  return 2 * channels;
}

function accountCount(size: TableSize): number {
  return size.groups * slotCount(size) + maxFormers(size);
}

/** Bytes of memory of a table. */
export function tableBytes(size: TableSize): number {
  const accounts = accountCount(size);
  const words = HEADER_WORDS + size.groups * (GROUP_WORDS + slotCount(size) * CHANNEL_WORDS) +
    accounts * (ACCOUNT_WORDS + size.workers);
  return Traffic.byteLength(accounts * COUNTERS, size.workers) + words * 4;
}
