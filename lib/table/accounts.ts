/**
 * Accounts. An account is one address of a channel with its counters. `assign` gives a channel a
 * new account; open connections to the former address keep the old one. Changes happen with the
 * lock of the table held.
 */

import { formatIp, type Ip } from "../address/ip.ts";
import type { Endpoint } from "../base/endpoint.ts";
import type { SendProxy } from "../proxy_protocol/send_proxy.ts";
import { ACCOUNT, CHANNEL, COUNTERS, HEADER, maxFormers, type TableMemory } from "./layout.ts";

/** Keeps additional counters for each account. */
export interface AccountCompanion {
  /** An account was opened; its counters start at zero. */
  opened(account: number): void;
  /** A disabled channel was enabled; this is its account. */
  enabled(account: number): void;
  /** An account was closed; its counters are added to another one. */
  folded(from: number, to: number): void;
}

/** A channel of the table. */
export interface ChannelPlace {
  readonly group: number;
  /** Its number in the group. */
  readonly channel: number;
}

/** Where a channel leads. */
export interface ChannelAddress {
  readonly address: Ip;
  readonly port: number;
}

/** A new channel. */
export interface NewChannel extends ChannelAddress {
  readonly maxc?: number;
  readonly enabled?: boolean;
  readonly weight?: number | undefined;
  /** Its host as written. @default its address */
  readonly host?: string;
  /** The PROXY header that it gets. @default that of all channels */
  readonly sendProxy?: SendProxy | undefined;
}

const NO_ADDRESS: Ip = new Uint8Array(0);

/** The words that make up an address. */
const PLACE: readonly number[] = [
  ACCOUNT.PORT,
  ACCOUNT.FAMILY,
  ...[0, 1, 2, 3].map((word) => ACCOUNT.ADDRESS + word),
];

/** An endpoint, and the words of the table that it was made of. */
interface KnownEndpoint {
  readonly place: readonly number[];
  readonly endpoint: Endpoint;
}

/** The accounts of all channels, as seen by one isolate. */
export class Accounts {
  /** Set in the isolate that adds and assigns channels. */
  companion: AccountCompanion | undefined;
  readonly #memory: TableMemory;
  readonly #words: Int32Array;
  /** The endpoints of accounts, as long as these still have the same address. */
  readonly #endpoints: (KnownEndpoint | undefined)[] = [];
  /** Where to look for a free account first. */
  #next = 0;

  constructor(memory: TableMemory) {
    this.#memory = memory;
    this.#words = memory.words;
  }

  /** The account of a channel's current address. */
  current(group: number, channel: number): number {
    return this.#words[this.#memory.channel(group, channel) + CHANNEL.ACCOUNT]!;
  }

  /** The next older account of the same channel, or -1. */
  former(account: number): number {
    return this.#words[this.#memory.account(account) + ACCOUNT.FORMER]! - 1;
  }

  /** The accounts of a channel: that of its current address, then those of former ones. */
  *of(group: number, channel: number): Generator<number> {
    for (let account = this.current(group, channel); account >= 0;) {
      yield account;
      account = this.former(account);
    }
  }

  /** A copy of the address. */
  address(account: number): Ip {
    const at = this.#memory.account(account);
    const start = this.#words.byteOffset + (at + ACCOUNT.ADDRESS) * 4;
    return this.#memory.bytes.slice(start, start + this.#words[at + ACCOUNT.FAMILY]!);
  }

  /** Whether the account has an address. */
  hasAddress(account: number): boolean {
    return this.#words[this.#memory.account(account) + ACCOUNT.FAMILY] !== 0;
  }

  /** The port. */
  port(account: number): number {
    return this.#words[this.#memory.account(account) + ACCOUNT.PORT]!;
  }

  /** The address as text, and the port: one object for all connections. */
  endpoint(account: number): Endpoint {
    const at = this.#memory.account(account), words = this.#words;
    const known = this.#endpoints[account];
    if (known !== undefined && PLACE.every((word, i) => words[at + word] === known.place[i])) {
      return known.endpoint;
    }
    const place = PLACE.map((word) => words[at + word]!);
    const endpoint = { address: formatIp(this.address(account)), port: this.port(account) };
    this.#endpoints[account] = { place, endpoint };
    return endpoint;
  }

  /** The `ID` of its channel. */
  owner(account: number): number {
    return Atomics.load(this.#words, this.#memory.account(account) + ACCOUNT.OWNER);
  }

  /** Where its channel is now. */
  place(account: number): ChannelPlace {
    const { slots } = this.#memory;
    const place = Atomics.load(this.#words, this.#memory.account(account) + ACCOUNT.PLACE);
    return { group: Math.floor(place / slots), channel: place % slots };
  }

  /** Sets owner and place of all accounts of a channel. */
  own(group: number, channel: number): void {
    const id = this.#words[this.#memory.channel(group, channel) + CHANNEL.ID]!;
    for (const account of this.of(group, channel)) {
      const at = this.#memory.account(account);
      Atomics.store(this.#words, at + ACCOUNT.OWNER, id);
      Atomics.store(this.#words, at + ACCOUNT.PLACE, this.#memory.place(group, channel));
    }
  }

  /** Open connections, including those that are still connecting. */
  c(account: number): number {
    return Atomics.load(this.#words, this.#memory.account(account) + ACCOUNT.C);
  }

  /** Open connections of a channel, including those to former addresses. */
  connections(group: number, channel: number): number {
    let c = 0;
    for (let account = this.current(group, channel); account >= 0;) {
      c += this.c(account);
      account = this.former(account);
    }
    return c;
  }

  /** Attempts to connect, modulo 2^32. */
  totalc(account: number): number {
    return Atomics.load(this.#words, this.#memory.account(account) + ACCOUNT.TOTALC) >>> 0;
  }

  /** Counts a connection that `worker` holds. */
  enter(account: number, worker: number): void {
    const at = this.#memory.account(account);
    Atomics.add(this.#words, at + ACCOUNT.C, 1);
    Atomics.add(this.#words, at + ACCOUNT.TOTALC, 1);
    Atomics.add(this.#words, this.#memory.held(worker, account), 1);
  }

  /** Subtracts a connection that `worker` held. */
  leave(account: number, worker: number): void {
    Atomics.sub(this.#words, this.#memory.account(account) + ACCOUNT.C, 1);
    Atomics.sub(this.#words, this.#memory.held(worker, account), 1);
  }

  /** Subtracts all connections that a dead worker held. */
  releaseWorker(worker: number): void {
    for (let account = 0; account < this.#memory.accounts; account++) {
      const held = Atomics.exchange(this.#words, this.#memory.held(worker, account), 0);
      if (held !== 0) Atomics.sub(this.#words, this.#memory.account(account) + ACCOUNT.C, held);
    }
  }

  /** Sets the counters, except of open connections, to zero. */
  reset(account: number): void {
    Atomics.store(this.#words, this.#memory.account(account) + ACCOUNT.TOTALC, 0);
    for (let i = 0; i < COUNTERS; i++) this.#memory.traffic.set(account * COUNTERS + i, 0n);
  }

  /** Opens an account. One is always free, because the number of former ones is limited. */
  open(to: ChannelAddress): number {
    let account = this.#next;
    while (this.#words[this.#memory.account(account) + ACCOUNT.USED] !== 0) {
      account = (account + 1) % this.#memory.accounts;
    }
    this.#next = (account + 1) % this.#memory.accounts;
    this.#memory.clearAccount(account);
    this.#words[this.#memory.account(account) + ACCOUNT.USED] = 1;
    this.#setAddress(account, to);
    this.companion?.opened(account);
    return account;
  }

  /**
   * Gives a channel an address. Above the maximum number of former addresses with open connections,
   * they are counted at the new one.
   */
  assign(group: number, channel: number, to: ChannelAddress): void {
    // If the channel had this address before, it gets that account back.
    let account = [...this.of(group, channel)].find((one) => this.#isTo(one, to));
    if (account === undefined) {
      // It has none now.
      const now = this.current(group, channel);
      if (!this.hasAddress(now)) return this.#setAddress(now, to);
      const max = maxFormers(this.#memory.size);
      if (this.#words[HEADER.FORMERS]! >= max) this.#foldIdle();
      if (this.#words[HEADER.FORMERS]! >= max) {
        return this.#setAddress(this.current(group, channel), to);
      }
      account = this.open(to);
      this.#words[HEADER.FORMERS]!++;
    }
    const others = [...this.of(group, channel)].filter((one) => one !== account);
    this.#link(group, channel, [account, ...others]);
  }

  /** Closes the accounts of a removed channel, whose slot is about to be reused or cleared. */
  close(group: number, channel: number): void {
    const accounts = [...this.of(group, channel)];
    for (const account of accounts) {
      this.#words[this.#memory.account(account) + ACCOUNT.USED] = 0;
    }
    this.#words[HEADER.FORMERS]! -= accounts.length - 1;
  }

  #setAddress(account: number, { address, port }: ChannelAddress): void {
    const at = this.#memory.account(account);
    this.#words[at + ACCOUNT.PORT] = port;
    this.#words[at + ACCOUNT.FAMILY] = address.length;
    this.#memory.bytes.set(address, this.#words.byteOffset + (at + ACCOUNT.ADDRESS) * 4);
  }

  #isTo(account: number, { address, port }: ChannelAddress): boolean {
    const known = this.address(account);
    return this.port(account) === port && known.length === address.length &&
      known.every((byte, i) => byte === address[i]);
  }

  /** Sets the accounts of a channel, the current one first. */
  #link(group: number, channel: number, accounts: readonly number[]): void {
    accounts.forEach((account, i) => {
      this.#words[this.#memory.account(account) + ACCOUNT.FORMER] = (accounts[i + 1] ?? -1) + 1;
    });
    const at = this.#memory.channel(group, channel) + CHANNEL.ACCOUNT;
    Atomics.store(this.#words, at, accounts[0]!);
    this.own(group, channel);
  }

  /**
   * Closes former accounts without connections. One of each channel stays, without an address, and
   * gets the counters of the others.
   */
  #foldIdle(): void {
    const { groups } = this.#memory.size;
    for (let group = 0; group < groups; group++) {
      const length = this.#memory.length(group);
      for (let channel = 0; channel < length; channel++) this.#foldIdleOf(group, channel);
    }
  }

  #foldIdleOf(group: number, channel: number): void {
    const [current, ...formers] = this.of(group, channel);
    const idle = formers.filter((one) => this.c(one) === 0);
    const to = idle.find((one) => this.address(one).length === 0) ?? idle[0];
    if (to === undefined || idle.length < 2) return;
    this.#setAddress(to, { address: NO_ADDRESS, port: 0 });
    for (const from of idle) if (from !== to) this.#fold(from, to);
    const open = formers.filter((one) => one === to || !idle.includes(one));
    this.#link(group, channel, [current!, ...open]);
  }

  #fold(from: number, to: number): void {
    const totalc = this.#words[this.#memory.account(from) + ACCOUNT.TOTALC]!;
    Atomics.add(this.#words, this.#memory.account(to) + ACCOUNT.TOTALC, totalc);
    for (let i = 0; i < COUNTERS; i++) {
      this.#memory.traffic.move(from * COUNTERS + i, to * COUNTERS + i);
    }
    this.companion?.folded(from, to);
    this.#words[this.#memory.account(from) + ACCOUNT.USED] = 0;
    this.#words[HEADER.FORMERS]!--;
  }
}
