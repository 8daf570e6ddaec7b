/**
 * The table: groups, channels and counters as numbers in one `SharedArrayBuffer` that all workers
 * use. Changes that must be atomic, such as choosing a channel and counting the connection, happen
 * inside {@link Table.locked}.
 *
 * An account is one address of a channel with its counters. `assign` gives a channel a new account;
 * open connections to the former address keep the old one.
 *
 * Long because only this file knows the layout of the memory.
 */

import type { Ip } from "../address/ip.ts";
import { Traffic } from "./traffic.ts";

/** How a group chooses among its channels. */
export type GroupType = "rr" | "hash";

/** Administrative state of a channel; `free` is an unused slot. */
export type ChannelState = "free" | "enabled" | "disabled";

/** Health of a channel. There are no health checks yet, so it is always `up`. */
export type ChannelHealth = "up";

/** A snapshot of one channel, or of one of its addresses. */
export interface ChannelRow {
  readonly group: number;
  readonly channel: number;
  readonly type: GroupType;
  readonly state: ChannelState;
  readonly health: ChannelHealth;
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

/** Keeps additional counters for each account. */
export interface AccountCompanion {
  /** An account was opened; its counters start at zero. */
  opened(account: number): void;
  /** A disabled channel was enabled; this is its account. */
  enabled(account: number): void;
  /** An account was closed; its counters are added to another one. */
  folded(from: number, to: number): void;
}

// Layout: first the byte counters of all accounts; then, as 32-bit words, a header, the groups,
// the channels, the accounts, and how many connections of each account each worker holds.
// deno-fmt-ignore
const LOCK = 0, LAST_CONNECTION = 1, FORMERS = 2, HEADER_WORDS = 4,
  TYPE = 0, LENGTH = 1, CURSOR = 2, GROUP_WORDS = 4,
  STATE = 0, MAXC = 1, HEALTH = 2, ACCOUNT = 3, CHANNEL_WORDS = 4,
  USED = 0, PORT = 1, C = 2, TOTALC = 3, FORMER = 4, FAMILY = 5, ADDRESS = 6, ACCOUNT_WORDS = 10;
const FREE = 0, ENABLED = 1, DISABLED = 2, UP = 0;
const HEALTHS: readonly ChannelHealth[] = ["up"];
/** Byte counters of an account. */
const SENT = 0, RCVD = 1, COUNTERS = 2;
/** Maximum number of accounts of former addresses, across all channels. */
const MAX_FORMERS = 4096;
const NO_ADDRESS: Ip = new Uint8Array(0);

/** The table, as seen by one isolate. */
export class Table {
  readonly size: TableSize;
  /** Number of accounts. */
  readonly accounts: number;
  /** Set in the isolate that adds and assigns channels. */
  companion: AccountCompanion | undefined;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #traffic: Traffic;
  readonly #worker: number;
  readonly #accountsAt: number;
  readonly #heldAt: number;
  /** Where to look for a free account first. */
  #nextAccount = 0;

  /** @param worker Number of this isolate among `size.workers`, from 0. */
  constructor(readonly handle: TableHandle, worker = 0) {
    const { size, buffer } = handle, { workers } = size;
    const accounts = accountCount(size), counters = accounts * COUNTERS;
    this.size = size;
    this.accounts = accounts;
    this.#worker = worker;
    this.#traffic = new Traffic(buffer, { counters, workers, worker });
    this.#words = new Int32Array(buffer, Traffic.byteLength(counters, workers));
    this.#bytes = new Uint8Array(buffer);
    this.#accountsAt = HEADER_WORDS + size.groups * (GROUP_WORDS + size.channels * CHANNEL_WORDS);
    this.#heldAt = this.#accountsAt + accounts * ACCOUNT_WORDS;
  }

  /** Runs a function with the lock held. The function must be short and must not call `locked`. */
  locked<T>(run: () => T): T {
    const me = this.#worker + 1;
    while (Atomics.compareExchange(this.#words, LOCK, 0, me) !== 0) {
      // Another isolate holds the lock, for microseconds only. Sleep, so that it can get a core.
      Atomics.wait(this.#words, LOCK, Atomics.load(this.#words, LOCK), 1);
    }
    try {
      return run();
    } finally {
      Atomics.store(this.#words, LOCK, 0);
      if (this.size.workers > 1) Atomics.notify(this.#words, LOCK, 1);
    }
  }

  /** The number of a new connection, starting at 1, unique across all isolates. */
  nextConnection(): number {
    return (Atomics.add(this.#words, LAST_CONNECTION, 1) + 1) >>> 0;
  }

  /** The schedule of a group. */
  type(group: number): GroupType {
    return this.#words[this.#group(group) + TYPE] === 1 ? "hash" : "rr";
  }

  /** Changes the schedule of a group, not its cursor. */
  setType(group: number, type: GroupType): void {
    Atomics.store(this.#words, this.#group(group) + TYPE, type === "hash" ? 1 : 0);
  }

  /** Number of channels of a group, including disabled and removed ones. */
  length(group: number): number {
    return this.#words[this.#group(group) + LENGTH]!;
  }

  /** Index at which round robin continues. */
  cursor(group: number): number {
    return this.#words[this.#group(group) + CURSOR]!;
  }

  /** Sets the index at which round robin continues. */
  setCursor(group: number, index: number): void {
    this.#words[this.#group(group) + CURSOR] = index;
  }

  /** Whether this channel exists; accepts any numbers, even out of range. */
  exists(group: number, channel: number): boolean {
    return Number.isInteger(group) && group >= 0 && group < this.size.groups &&
      Number.isInteger(channel) && channel >= 0 && channel < this.length(group) &&
      this.#words[this.#channel(group, channel) + STATE] !== FREE;
  }

  /** Whether a schedule may choose the channel: it is enabled, up, and below its `maxc`. */
  available(group: number, channel: number): boolean {
    const at = this.#channel(group, channel);
    if (this.#words[at + STATE] !== ENABLED || this.#words[at + HEALTH] !== UP) return false;
    const maxc = this.#words[at + MAXC]!;
    return maxc === 0 || this.c(group, channel) < maxc;
  }

  /** Administrative state of a channel. */
  state(group: number, channel: number): ChannelState {
    const state = this.#words[this.#channel(group, channel) + STATE];
    return state === ENABLED ? "enabled" : state === FREE ? "free" : "disabled";
  }

  /** Enables or disables a channel; returns whether that changed anything. */
  setEnabled(group: number, channel: number, enabled: boolean): boolean {
    const [from, to] = enabled ? [DISABLED, ENABLED] : [ENABLED, DISABLED];
    const at = this.#channel(group, channel) + STATE;
    const changed = Atomics.compareExchange(this.#words, at, from, to) === from;
    if (changed && enabled) this.companion?.enabled(this.account(group, channel));
    return changed;
  }

  /** Changes the `maxc` of a channel. */
  setMaxc(group: number, channel: number, maxc: number): void {
    Atomics.store(this.#words, this.#channel(group, channel) + MAXC, maxc);
  }

  /** The account of a channel's current address. */
  account(group: number, channel: number): number {
    return this.#words[this.#channel(group, channel) + ACCOUNT]!;
  }

  /** The accounts of a channel: that of its current address, then those of former ones. */
  *accountsOf(group: number, channel: number): Generator<number> {
    for (let account = this.account(group, channel); account >= 0;) {
      yield account;
      account = this.#former(account);
    }
  }

  /** A copy of the address of a channel. */
  address(group: number, channel: number): Ip {
    return this.#address(this.account(group, channel));
  }

  /** Port of a channel. */
  port(group: number, channel: number): number {
    return this.#words[this.#account(this.account(group, channel)) + PORT]!;
  }

  /** Open connections of a channel, including those to former addresses. */
  c(group: number, channel: number): number {
    let c = 0;
    for (let account = this.account(group, channel); account >= 0;) {
      c += Atomics.load(this.#words, this.#account(account) + C);
      account = this.#former(account);
    }
    return c;
  }

  /**
   * Adds a channel in the first free slot, or else at the end, with all counters at zero.
   *
   * @returns Its number; `undefined` if the group is full.
   */
  add(
    group: number,
    to: { address: Ip; port: number; maxc?: number; enabled?: boolean },
  ): number | undefined {
    return this.locked(() => {
      const n = this.length(group);
      let channel = 0;
      while (channel < n && this.state(group, channel) !== "free") channel++;
      if (channel >= this.size.channels) return undefined;
      const at = this.#channel(group, channel);
      if (channel < n) this.#closeAccounts(group, channel);
      this.#words.fill(0, at, at + CHANNEL_WORDS);
      this.#words[at + ACCOUNT] = this.#open(to);
      this.#words[at + MAXC] = to.maxc ?? 0;
      Atomics.store(this.#words, at + STATE, (to.enabled ?? true) ? ENABLED : DISABLED);
      if (channel === n) Atomics.store(this.#words, this.#group(group) + LENGTH, n + 1);
      return channel;
    });
  }

  /**
   * Changes the address and port of a channel. Open connections stay with the former address. Above
   * the maximum number of former addresses with open connections, they are counted at the new one.
   */
  assign(group: number, channel: number, to: { address: Ip; port: number }): void {
    this.locked(() => {
      // If the channel had this address before, it gets that account back.
      let account = [...this.accountsOf(group, channel)].find((one) => this.#isTo(one, to));
      if (account === undefined) {
        const max = maxFormers(this.size);
        if (this.#words[FORMERS]! >= max) this.#foldIdle();
        if (this.#words[FORMERS]! >= max) return this.#setAddress(this.account(group, channel), to);
        account = this.#open(to);
        this.#words[FORMERS]!++;
      }
      const others = [...this.accountsOf(group, channel)].filter((one) => one !== account);
      this.#link(group, channel, [account, ...others]);
    });
  }

  /** Removes a channel, which must not have connections. Other channels keep their numbers. */
  remove(group: number, channel: number): void {
    Atomics.store(this.#words, this.#channel(group, channel) + STATE, FREE);
  }

  /** Sets `totalc`, `sent` and `rcvd` of a channel to zero. */
  reset(group: number, channel: number): void {
    for (const account of this.accountsOf(group, channel)) {
      Atomics.store(this.#words, this.#account(account) + TOTALC, 0);
      for (let i = 0; i < COUNTERS; i++) this.#traffic.set(account * COUNTERS + i, 0n);
    }
  }

  /** Adds a connection to `c` and `totalc`; returns its account. */
  enter(group: number, channel: number): number {
    const account = this.account(group, channel), at = this.#account(account);
    Atomics.add(this.#words, at + C, 1);
    Atomics.add(this.#words, at + TOTALC, 1);
    Atomics.add(this.#words, this.#held(this.#worker, account), 1);
    return account;
  }

  /** Subtracts a connection from `c`. */
  leave(account: number): void {
    Atomics.sub(this.#words, this.#account(account) + C, 1);
    Atomics.sub(this.#words, this.#held(this.#worker, account), 1);
  }

  /** Counts bytes from a client to the backend. */
  addSent(account: number, bytes: number): void {
    this.#traffic.add(account * COUNTERS + SENT, bytes);
  }

  /** Counts bytes from the backend to a client. */
  addRcvd(account: number, bytes: number): void {
    this.#traffic.add(account * COUNTERS + RCVD, bytes);
  }

  /** Releases what a dead worker held: its connections, and the lock if it held that. */
  releaseWorker(worker: number): void {
    Atomics.compareExchange(this.#words, LOCK, worker + 1, 0);
    for (let account = 0; account < this.accounts; account++) {
      const held = Atomics.exchange(this.#words, this.#held(worker, account), 0);
      if (held !== 0) Atomics.sub(this.#words, this.#account(account) + C, held);
    }
  }

  /** A channel with its current address; its counters include those of former addresses. */
  row(group: number, channel: number): ChannelRow {
    const rows = [...this.accountsOf(group, channel)].map((one) => this.#row(group, channel, one));
    return rows.reduce((sum, one) => ({
      ...sum,
      c: sum.c + one.c,
      totalc: (sum.totalc + one.totalc) >>> 0,
      sent: BigInt.asUintN(64, sum.sent + one.sent),
      rcvd: BigInt.asUintN(64, sum.rcvd + one.rcvd),
    }));
  }

  /** All channels in order of group and number, including free slots. */
  *rows(): Generator<ChannelRow> {
    for (const [group, channel] of this.#channels()) yield this.row(group, channel);
  }

  /** The channels in use, one row per address; the current address of a channel comes first. */
  *rowsByAddress(): Generator<ChannelRow & { account: number; current: boolean }> {
    for (const [group, channel] of this.#channels()) {
      if (this.state(group, channel) === "free") continue;
      for (const [i, account] of [...this.accountsOf(group, channel)].entries()) {
        yield { ...this.#row(group, channel, account), account, current: i === 0 };
      }
    }
  }

  *#channels(): Generator<readonly [group: number, channel: number]> {
    for (let group = 0; group < this.size.groups; group++) {
      for (let channel = 0; channel < this.length(group); channel++) yield [group, channel];
    }
  }

  #row(group: number, channel: number, account: number): ChannelRow {
    const at = this.#account(account);
    return {
      group,
      channel,
      type: this.type(group),
      state: this.state(group, channel),
      health: HEALTHS[this.#words[this.#channel(group, channel) + HEALTH]!]!,
      address: this.#address(account),
      port: this.#words[at + PORT]!,
      c: Atomics.load(this.#words, at + C),
      totalc: Atomics.load(this.#words, at + TOTALC) >>> 0,
      maxc: Atomics.load(this.#words, this.#channel(group, channel) + MAXC),
      sent: this.#traffic.sum(account * COUNTERS + SENT),
      rcvd: this.#traffic.sum(account * COUNTERS + RCVD),
    };
  }

  /** Opens an account. One is always free, because the number of former ones is limited. */
  #open(to: { address: Ip; port: number }): number {
    let account = this.#nextAccount;
    while (this.#words[this.#account(account) + USED] !== 0) {
      account = (account + 1) % this.accounts;
    }
    this.#nextAccount = (account + 1) % this.accounts;
    const at = this.#account(account);
    this.#words.fill(0, at, at + ACCOUNT_WORDS);
    for (let i = 0; i < COUNTERS; i++) this.#traffic.set(account * COUNTERS + i, 0n);
    this.#words[at + USED] = 1;
    this.#setAddress(account, to);
    this.companion?.opened(account);
    return account;
  }

  #setAddress(account: number, { address, port }: { address: Ip; port: number }): void {
    const at = this.#account(account);
    this.#words[at + PORT] = port;
    this.#words[at + FAMILY] = address.length;
    this.#bytes.set(address, this.#words.byteOffset + (at + ADDRESS) * 4);
  }

  #isTo(account: number, { address, port }: { address: Ip; port: number }): boolean {
    const known = this.#address(account);
    return this.#words[this.#account(account) + PORT] === port &&
      known.length === address.length && known.every((byte, i) => byte === address[i]);
  }

  /** Sets the accounts of a channel, the current one first. */
  #link(group: number, channel: number, accounts: readonly number[]): void {
    accounts.forEach((account, i) => {
      this.#words[this.#account(account) + FORMER] = (accounts[i + 1] ?? -1) + 1;
    });
    Atomics.store(this.#words, this.#channel(group, channel) + ACCOUNT, accounts[0]!);
  }

  /** Closes the accounts of a removed channel, whose slot is about to be reused. */
  #closeAccounts(group: number, channel: number): void {
    const accounts = [...this.accountsOf(group, channel)];
    for (const account of accounts) this.#words[this.#account(account) + USED] = 0;
    this.#words[FORMERS]! -= accounts.length - 1;
  }

  /**
   * Closes former accounts without connections. One of each channel stays, without an address, and
   * gets the counters of the others.
   */
  #foldIdle(): void {
    for (const [group, channel] of this.#channels()) {
      const [current, ...formers] = this.accountsOf(group, channel);
      const idle = formers.filter((one) => Atomics.load(this.#words, this.#account(one) + C) === 0);
      const to = idle.find((one) => this.#address(one).length === 0) ?? idle[0];
      if (to === undefined || idle.length < 2) continue;
      this.#setAddress(to, { address: NO_ADDRESS, port: 0 });
      for (const from of idle) if (from !== to) this.#fold(from, to);
      const open = formers.filter((one) => one === to || !idle.includes(one));
      this.#link(group, channel, [current!, ...open]);
    }
  }

  #fold(from: number, to: number): void {
    const totalc = this.#words[this.#account(from) + TOTALC]!;
    Atomics.add(this.#words, this.#account(to) + TOTALC, totalc);
    for (let i = 0; i < COUNTERS; i++) this.#traffic.move(from * COUNTERS + i, to * COUNTERS + i);
    this.companion?.folded(from, to);
    this.#words[this.#account(from) + USED] = 0;
    this.#words[FORMERS]!--;
  }

  #address(account: number): Ip {
    const at = this.#account(account), start = this.#words.byteOffset + (at + ADDRESS) * 4;
    return this.#bytes.slice(start, start + this.#words[at + FAMILY]!);
  }

  /** The next older account of the same channel, or -1. */
  #former(account: number): number {
    return this.#words[this.#account(account) + FORMER]! - 1;
  }

  #group(group: number): number {
    return HEADER_WORDS + group * GROUP_WORDS;
  }

  #channel(group: number, channel: number): number {
    return HEADER_WORDS + this.size.groups * GROUP_WORDS +
      (group * this.size.channels + channel) * CHANNEL_WORDS;
  }

  #account(account: number): number {
    return this.#accountsAt + account * ACCOUNT_WORDS;
  }

  #held(worker: number, account: number): number {
    return this.#heldAt + worker * this.accounts + account;
  }
}

function accountCount(size: TableSize): number {
  return size.groups * size.channels + maxFormers(size);
}

function maxFormers({ groups, channels }: TableSize): number {
  return Math.min(Math.max(groups * channels, 64), MAX_FORMERS);
}

/** Creates an empty table: no channels, all groups round robin. */
export function newTable(size: TableSize): Table {
  const accounts = accountCount(size);
  const words = HEADER_WORDS + size.groups * (GROUP_WORDS + size.channels * CHANNEL_WORDS) +
    accounts * (ACCOUNT_WORDS + size.workers);
  const bytes = Traffic.byteLength(accounts * COUNTERS, size.workers) + words * 4;
  return new Table({ size, buffer: new SharedArrayBuffer(bytes) });
}
