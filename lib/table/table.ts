/**
 * The table: groups, channels and counters as numbers in one `SharedArrayBuffer` that all workers
 * use. Changes that must be atomic, such as choosing a channel and counting the connection, happen
 * inside {@link Table.locked}. The functions that change one word may be called with or without it.
 *
 * Long because all operations on a channel are methods of the table.
 */

import type { Ip } from "../address/ip.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { SEND_PROXY_NAMES, type SendProxy } from "../proxy_protocol/send_proxy.ts";
import {
  type AccountCompanion,
  Accounts,
  type ChannelAddress,
  type ChannelPlace,
  type NewChannel,
} from "./accounts.ts";
import {
  CHANNEL,
  COUNTERS,
  GROUP,
  HEADER,
  RCVD,
  SENT,
  tableBytes,
  type TableHandle,
  TableMemory,
  type TableSize,
} from "./layout.ts";
import { Lock } from "./lock.ts";
import type { Arrangement } from "./arrangement.ts";
import { Availability, UNUSABLE } from "./availability.ts";
import type { Hash64 } from "./name_hash.ts";
import { type AddressRow, type ChannelRow, rowsOf, sumOf } from "./rows.ts";
import { Slots } from "./slots.ts";
import {
  type Caution,
  CAUTIONS,
  CHANNEL_HEALTHS,
  CHANNEL_STATES,
  type ChannelHealth,
  type ChannelState,
  SCHEDULE_NAMES,
  type ScheduleName,
  STATE,
} from "./states.ts";

export type { AccountCompanion, ChannelPlace, NewChannel } from "./accounts.ts";
export { CROWDED, LAST_RESORT, UNUSABLE, USABLE } from "./availability.ts";
export type { TableHandle, TableSize } from "./layout.ts";
export type { ChannelRow } from "./rows.ts";
export type { ChannelHealth, ChannelState } from "./states.ts";

const DOWN = CHANNEL_HEALTHS.indexOf("down");
const SUSPECT = CAUTIONS.indexOf("suspect"), RESTING = CAUTIONS.indexOf("resting");
const HALF_OPEN = CAUTIONS.indexOf("half open");

/** The table, as seen by one isolate. */
export class Table {
  readonly size: TableSize;
  /** Number of accounts. */
  readonly accounts: number;
  /**
   * Called, not under the lock, when a channel may have become available. For the wait line.
   * Absent, it costs nothing.
   */
  freed: (() => void) | undefined;
  readonly #memory: TableMemory;
  readonly #words: Int32Array;
  readonly #accounts: Accounts;
  readonly #slots: Slots;
  readonly #availability: Availability;
  /** Number of this isolate among those that use the table, from 0. */
  readonly worker: number;
  readonly #lock: Lock;
  /** Whether something was freed under the lock. */
  #isFreed = false;

  /** @param worker Number of this isolate among `size.workers`, from 0. */
  constructor(readonly handle: TableHandle, worker = 0) {
    this.#memory = new TableMemory(handle, worker);
    this.#accounts = new Accounts(this.#memory);
    this.#slots = new Slots(this.#memory, this.#accounts);
    this.#availability = new Availability(this.#memory, this.#accounts);
    this.#words = this.#memory.words;
    this.#lock = new Lock(this.#words, { at: HEADER.LOCK, worker, of: "table" });
    this.worker = worker;
    this.size = handle.size;
    this.accounts = this.#memory.accounts;
  }

  /** Set in the isolate that adds and assigns channels. */
  set companion(companion: AccountCompanion | undefined) {
    this.#accounts.companion = companion;
  }

  /** Runs a function with the lock held. The function must be short, and must not call `locked`. */
  locked<T>(run: () => T): T {
    try {
      return this.#lock.run(run);
    } finally {
      if (this.#isFreed && !this.#lock.isHeld) this.#reportFreed();
    }
  }

  #exclusively<T>(run: () => T): T {
    return this.#lock.isHeld ? run() : this.locked(run);
  }

  /** Changes whenever channels get other numbers: before, and after. */
  get arrangement(): number {
    return Atomics.load(this.#words, HEADER.ARRANGEMENT);
  }

  /** Whether channels do not get other numbers now. */
  get isSteady(): boolean {
    return (this.arrangement & 1) === 0;
  }

  /** The number of a new connection, starting at 1, unique across all isolates. */
  nextConnection(): number {
    return (Atomics.add(this.#words, HEADER.LAST_CONNECTION, 1) + 1) >>> 0;
  }

  /** The schedule of a group. */
  schedule(group: number): ScheduleName {
    return SCHEDULE_NAMES[this.#words[this.#memory.group(group) + GROUP.SCHEDULE]!]!;
  }

  /** Changes the schedule of a group, not its cursor. */
  setSchedule(group: number, name: ScheduleName): void {
    const at = this.#memory.group(group) + GROUP.SCHEDULE;
    Atomics.store(this.#words, at, SCHEDULE_NAMES.indexOf(name));
    this.#reportFreed();
  }

  /** Number of channels of a group, including disabled and removed ones. */
  length(group: number): number {
    return this.#memory.length(group);
  }

  /** How many of them schedules know: those at the end that a reload has removed do not count. */
  active(group: number): number {
    return this.#memory.active(group);
  }

  /** Places for channels in a group: twice as many as it may have. */
  get slots(): number {
    return this.#memory.slots;
  }

  /** A number of the channel that is unique while the program runs, whatever becomes of it. */
  id(group: number, channel: number): number {
    return this.#word(group, channel, CHANNEL.ID);
  }

  /** Finds a channel by its {@link id}. @param near Where it was before. */
  find(id: number, near?: ChannelPlace): ChannelPlace | undefined {
    const isHere = (group: number, channel: number) =>
      this.exists(group, channel) && this.id(group, channel) === id;
    if (near !== undefined && isHere(near.group, near.channel)) return near;
    for (const [group, channel] of this.#channels()) {
      if (isHere(group, channel)) return { group, channel };
    }
    return undefined;
  }

  /** Whether a reload has removed the channel, which has connections. It cannot be enabled. */
  isLeaving(group: number, channel: number): boolean {
    return this.#slots.isLeaving(group, channel);
  }

  /** Index at which round robin continues. */
  cursor(group: number): number {
    return this.#words[this.#memory.group(group) + GROUP.CURSOR]!;
  }

  /** Sets the index at which round robin continues. */
  setCursor(group: number, index: number): void {
    this.#words[this.#memory.group(group) + GROUP.CURSOR] = index;
  }

  /** Whether the weights of the group's channels differ. */
  isWeighted(group: number): boolean {
    return this.#words[this.#memory.group(group) + GROUP.WEIGHTED] !== 0;
  }

  /** Whether this channel exists; accepts any numbers, even out of range. */
  exists(group: number, channel: number): boolean {
    return Number.isInteger(group) && group >= 0 && group < this.size.groups &&
      Number.isInteger(channel) && channel >= 0 && channel < this.length(group) &&
      this.#words[this.#memory.channel(group, channel) + CHANNEL.STATE] !== STATE.free;
  }

  /**
   * Whether a schedule may choose the channel: it is enabled, not down, below its `maxc`, and has a
   * weight. A cautious channel gets one client at a time.
   *
   * @returns {@link UNUSABLE}, {@link CROWDED}, {@link LAST_RESORT} or {@link USABLE}.
   */
  usable(group: number, channel: number): number {
    return this.#availability.usable(group, channel);
  }

  /** Whether {@link usable} is not {@link UNUSABLE}. */
  available(group: number, channel: number): boolean {
    return this.usable(group, channel) !== UNUSABLE;
  }

  /** Whether only its `maxc` keeps a channel from being available. */
  full(group: number, channel: number): boolean {
    return this.#availability.full(group, channel);
  }

  /** Administrative state of a channel. */
  state(group: number, channel: number): ChannelState {
    return CHANNEL_STATES[this.#words[this.#memory.channel(group, channel) + CHANNEL.STATE]!]!;
  }

  /**
   * Changes the administrative state of a channel that exists, unless it {@link isLeaving}; returns
   * whether it changed.
   */
  setState(group: number, channel: number, state: Exclude<ChannelState, "free">): boolean {
    if (this.isLeaving(group, channel)) return false;
    const at = this.#memory.channel(group, channel) + CHANNEL.STATE, to = STATE[state];
    for (let from = Atomics.load(this.#words, at);;) {
      if (from === to || from === STATE.free) return false;
      const found = Atomics.compareExchange(this.#words, at, from, to);
      if (found === from) break;
      from = found;
    }
    if (state === "enabled") {
      this.#accounts.companion?.enabled(this.account(group, channel));
      this.#reportFreed();
    }
    return true;
  }

  /** Health of a channel. */
  health(group: number, channel: number): ChannelHealth {
    return CHANNEL_HEALTHS[this.#word(group, channel, CHANNEL.HEALTH)]!;
  }

  /** Changes the health of a channel; returns whether it changed. */
  setHealth(group: number, channel: number, health: ChannelHealth): boolean {
    const at = this.#memory.channel(group, channel) + CHANNEL.HEALTH;
    const to = CHANNEL_HEALTHS.indexOf(health);
    const changed = Atomics.exchange(this.#words, at, to) !== to;
    if (changed && to !== DOWN) this.#reportFreed();
    return changed;
  }

  /** Why a channel gets fewer clients. */
  caution(group: number, channel: number): Caution {
    return CAUTIONS[this.#word(group, channel, CHANNEL.CAUTION)]!;
  }

  /** Changes {@link caution}. */
  setCaution(group: number, channel: number, caution: Caution): void {
    this.#setWord([group, channel], CHANNEL.CAUTION, CAUTIONS.indexOf(caution));
    this.#reportFreed();
  }

  /** Whether a connection has the only place of a cautious channel. */
  isProbed(group: number, channel: number): boolean {
    return this.#word(group, channel, CHANNEL.PROBER) !== 0;
  }

  /** A connection of `worker` takes the only place of a cautious channel, or leaves it. */
  setProber(group: number, channel: number, worker: number | undefined): void {
    this.#setWord([group, channel], CHANNEL.PROBER, worker === undefined ? 0 : worker + 1);
    if (worker === undefined) this.#reportFreed();
  }

  /** Failed attempts to connect in a row. */
  failures(group: number, channel: number): number {
    return this.#word(group, channel, CHANNEL.FAILURES);
  }

  /** Sets {@link failures}. */
  setFailures(group: number, channel: number, failures: number): void {
    this.#setWord([group, channel], CHANNEL.FAILURES, failures);
  }

  /** Whether an active check decides that the channel is up. */
  isChecked(group: number, channel: number): boolean {
    return this.#word(group, channel, CHANNEL.CHECKED) !== 0;
  }

  /** Sets {@link isChecked}. */
  setChecked(group: number, channel: number, checked: boolean): void {
    this.#setWord([group, channel], CHANNEL.CHECKED, checked ? 1 : 0);
  }

  /** Weight of a channel, from 0 to 256. */
  weight(group: number, channel: number): number {
    return this.#word(group, channel, CHANNEL.WEIGHT);
  }

  /** Changes the weight of a channel. */
  setWeight(group: number, channel: number, weight: number): void {
    this.#setWord([group, channel], CHANNEL.WEIGHT, weight);
    this.#slots.noteWeights(group);
    this.#reportFreed();
  }

  /**
   * How much of its weight a channel has, in percent, from 0 to 100: less during a slow start, or if
   * its agent asks for less.
   */
  ramp(group: number, channel: number): number {
    return this.#word(group, channel, CHANNEL.RAMP);
  }

  /** Sets {@link ramp}. */
  setRamp(group: number, channel: number, percent: number): void {
    this.#setWord([group, channel], CHANNEL.RAMP, percent);
    this.#slots.noteWeights(group, { keepDebts: true });
    this.#reportFreed();
  }

  /** Weight of a channel in hundredths, with its {@link ramp}; from 0 to 25,600. */
  effectiveWeight(group: number, channel: number): number {
    const at = this.#memory.channel(group, channel);
    return this.#words[at + CHANNEL.WEIGHT]! * this.#words[at + CHANNEL.RAMP]!;
  }

  /** What weighted round robin owes a channel. */
  debt(group: number, channel: number): number {
    return this.#words[this.#memory.channel(group, channel) + CHANNEL.DEBT]!;
  }

  /** Sets {@link debt}. */
  setDebt(group: number, channel: number, debt: number): void {
    this.#words[this.#memory.channel(group, channel) + CHANNEL.DEBT] = debt;
  }

  /** Changes whenever the slot gets another backend: on `add`, `assign` and `remove`. */
  generation(group: number, channel: number): number {
    return this.#word(group, channel, CHANNEL.GENERATION);
  }

  /** The hash of the channel's name. */
  nameHash(group: number, channel: number): Hash64 {
    return this.#slots.nameHash(group, channel);
  }

  /** Maximum of open connections of a channel; 0 for no limit. */
  maxc(group: number, channel: number): number {
    return this.#word(group, channel, CHANNEL.MAXC);
  }

  /** Changes the `maxc` of a channel. */
  setMaxc(group: number, channel: number, maxc: number): void {
    this.#setWord([group, channel], CHANNEL.MAXC, maxc);
    this.#reportFreed();
  }

  /** The PROXY header that the backend of a channel gets at the start of each connection. */
  sendProxy(group: number, channel: number): SendProxy {
    if (Atomics.load(this.#words, HEADER.ANY_SEND_PROXY) === 0) return "none";
    const word = this.#word(group, channel, CHANNEL.SEND_PROXY) ||
      Atomics.load(this.#words, HEADER.SEND_PROXY);
    return SEND_PROXY_NAMES[word - 1] ?? "none";
  }

  /** {@link sendProxy} of the channel of an account. The account must be in use. */
  sendProxyOf(account: number): SendProxy {
    if (Atomics.load(this.#words, HEADER.ANY_SEND_PROXY) === 0) return "none";
    const { group, channel } = this.placeOf(account);
    return this.sendProxy(group, channel);
  }

  /** Sets {@link sendProxy}; `undefined`: that of {@link commonSendProxy}. */
  setSendProxy(group: number, channel: number, sendProxy: SendProxy | undefined): void {
    const at = this.#memory.channel(group, channel) + CHANNEL.SEND_PROXY;
    this.#slots.setSendProxy(at, sendProxy);
  }

  /** {@link sendProxy} of the channels that have none of their own. */
  get commonSendProxy(): SendProxy {
    return SEND_PROXY_NAMES[Atomics.load(this.#words, HEADER.SEND_PROXY) - 1] ?? "none";
  }

  /** Sets {@link commonSendProxy}. */
  setCommonSendProxy(sendProxy: SendProxy): void {
    this.#slots.setSendProxy(HEADER.SEND_PROXY, sendProxy);
  }

  /** The account of a channel's current address. */
  account(group: number, channel: number): number {
    return this.#accounts.current(group, channel);
  }

  /** The accounts of a channel: that of its current address, then those of former ones. */
  accountsOf(group: number, channel: number): Generator<number> {
    return this.#accounts.of(group, channel);
  }

  /** A copy of the address of a channel. */
  address(group: number, channel: number): Ip {
    return this.#accounts.address(this.account(group, channel));
  }

  /** Whether a channel has an address; one without must be down. */
  hasAddress(group: number, channel: number): boolean {
    return this.#accounts.hasAddress(this.account(group, channel));
  }

  /** Port of a channel. */
  port(group: number, channel: number): number {
    return this.#accounts.port(this.account(group, channel));
  }

  /** Where the channel of an account is now. The account must be in use. */
  placeOf(account: number): ChannelPlace {
    return this.#accounts.place(account);
  }

  /** The {@link id} of the channel of an account. The account must be in use. */
  ownerOf(account: number): number {
    return this.#accounts.owner(account);
  }

  /** The address of an account as text, and its port. */
  endpointOf(account: number): Endpoint {
    return this.#accounts.endpoint(account);
  }

  /** Open connections of a channel, including those to former addresses. */
  c(group: number, channel: number): number {
    return this.#accounts.connections(group, channel);
  }

  /**
   * Adds a channel in the first free slot, or else after the last one that no reload has removed,
   * with all counters at zero.
   *
   * @returns Its number; `undefined` if the group is full.
   */
  add(group: number, to: NewChannel): number | undefined {
    return this.#exclusively(() => {
      const channel = this.#slots.add(group, to);
      if (channel !== undefined) this.#isFreed ||= to.enabled ?? true;
      return channel;
    });
  }

  /**
   * Gives the channels of groups other numbers, adds some and removes others, at one moment for all
   * isolates. Connections, counters and all that is known about a channel move with it.
   *
   * @param groups The channels of each group that changes, in their new order. Those that leave
   * come last; one without connections is gone at once.
   * @param also Called at the end, with the lock held.
   * @returns Whether everything had a place; otherwise nothing has changed.
   */
  rearrange(groups: ReadonlyMap<number, Arrangement>, also?: () => void): boolean {
    return this.locked(() => {
      if (!this.#slots.rearrange(groups)) return false;
      also?.();
      this.#isFreed = true;
      return true;
    });
  }

  /**
   * Changes the address and port of a channel; its health is unknown then. Open connections stay
   * with the former address.
   *
   * @param to `host` is the host as written.
   */
  assign(group: number, channel: number, to: ChannelAddress & { host?: string }): void {
    this.#exclusively(() => {
      this.#accounts.assign(group, channel, to);
      this.#slots.nameNew(group, channel, to);
      this.#slots.renew(group, channel);
    });
  }

  /** Removes a channel, which must not have connections. Other channels keep their numbers. */
  remove(group: number, channel: number): void {
    this.#setWord([group, channel], CHANNEL.STATE, STATE.free);
    this.#slots.renew(group, channel);
    this.#slots.noteWeights(group);
  }

  /** Sets `totalc`, `sent` and `rcvd` of a channel to zero. */
  reset(group: number, channel: number): void {
    for (const account of this.accountsOf(group, channel)) this.#accounts.reset(account);
  }

  /** Adds a connection of `worker` to `c` and `totalc`; returns its account. */
  enter(group: number, channel: number, worker = this.worker): number {
    const account = this.account(group, channel);
    this.#accounts.enter(account, worker);
    return account;
  }

  /** Subtracts a connection from `c`. */
  leave(account: number): void {
    this.#accounts.leave(account, this.worker);
    this.#reportFreed();
  }

  /** Counts bytes from a client to the backend. */
  addSent(account: number, bytes: number): void {
    this.#memory.traffic.add(account * COUNTERS + SENT, bytes);
  }

  /** Counts bytes from the backend to a client. */
  addRcvd(account: number, bytes: number): void {
    this.#memory.traffic.add(account * COUNTERS + RCVD, bytes);
  }

  /** Releases the lock if a dead worker held it. */
  releaseLock(worker: number): void {
    this.#lock.releaseWorker(worker);
  }

  /** Releases what a dead worker held: the lock, its connections, its places at channels. */
  releaseWorker(worker: number): void {
    this.releaseLock(worker);
    this.#accounts.releaseWorker(worker);
    for (const [group, channel] of this.#channels()) {
      const at = this.#memory.channel(group, channel);
      Atomics.compareExchange(this.#words, at + CHANNEL.PROBER, worker + 1, 0);
      // Nobody else may know that the time of this caution passes.
      for (const caution of [SUSPECT, RESTING]) {
        Atomics.compareExchange(this.#words, at + CHANNEL.CAUTION, caution, HALF_OPEN);
      }
    }
    this.#reportFreed();
  }

  /** A channel with its current address; its counters include those of former addresses. */
  row(group: number, channel: number): ChannelRow {
    return sumOf(this.#rowsOf(group, channel));
  }

  /** All channels in order of group and number, including free slots. */
  *rows(): Generator<ChannelRow> {
    for (const [group, channel] of this.#channels()) yield this.row(group, channel);
  }

  /** The channels in use, one row per address; the current address of a channel comes first. */
  *rowsByAddress(): Generator<AddressRow & { current: boolean }> {
    for (const [group, channel] of this.#channels()) {
      if (this.state(group, channel) === "free") continue;
      const [current, ...former] = this.#rowsOf(group, channel);
      yield { ...current!, current: true };
      for (const row of former) yield { ...row, current: false };
    }
  }

  #rowsOf(group: number, channel: number): AddressRow[] {
    return rowsOf({ memory: this.#memory, accounts: this.#accounts }, group, channel);
  }

  *#channels(): Generator<readonly [group: number, channel: number]> {
    for (let group = 0; group < this.size.groups; group++) {
      for (let channel = 0; channel < this.length(group); channel++) yield [group, channel];
    }
  }

  #reportFreed(): void {
    this.#isFreed = this.#lock.isHeld;
    if (!this.#lock.isHeld) this.freed?.();
  }

  #word(group: number, channel: number, word: number): number {
    return Atomics.load(this.#words, this.#memory.channel(group, channel) + word);
  }

  #setWord([group, channel]: readonly [number, number], word: number, value: number): void {
    Atomics.store(this.#words, this.#memory.channel(group, channel) + word, value);
  }
}

/** Creates an empty table: no channels, all groups round robin. */
export function newTable(size: TableSize): Table {
  return new Table({ size, buffer: new SharedArrayBuffer(tableBytes(size)) });
}
