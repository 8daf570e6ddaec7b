/**
 * The table: groups, channels and counters as numbers in one `SharedArrayBuffer` that all workers
 * use. Changes that must be atomic, such as choosing a channel and counting the connection, happen
 * inside {@link Table.locked}. The functions that change one word may be called with or without it.
 *
 * Long because everything about a channel is in one place.
 */

import { formatEndpoint } from "../address/host_port.ts";
import { formatIp, type Ip } from "../address/ip.ts";
import type { Endpoint } from "../base/endpoint.ts";
import {
  type AccountCompanion,
  Accounts,
  type ChannelAddress,
  type ChannelPlace,
  type NewChannel,
} from "./accounts.ts";
import {
  CHANNEL,
  CHANNEL_WORDS,
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
import { type Hash64, nameHash, unitOf } from "./name_hash.ts";
import { type Arrangement, movedCursor, type Placed } from "./arrangement.ts";
import {
  type Caution,
  CAUTIONS,
  CHANNEL_HEALTHS,
  CHANNEL_STATES,
  type ChannelHealth,
  type ChannelState,
  DEFAULT_WEIGHT,
  SCHEDULE_NAMES,
  type ScheduleName,
} from "./states.ts";

export type { AccountCompanion, ChannelPlace, NewChannel } from "./accounts.ts";
export type { TableHandle, TableSize } from "./layout.ts";
export type { ChannelHealth, ChannelState } from "./states.ts";

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

/**
 * Whether a schedule may choose a channel now. `LAST_RESORT`: only if no other channel is available.
 * `CROWDED`: another client finds out whether it answers; only if there is no other
 * channel at all.
 */
export const UNUSABLE = 0, CROWDED = 1, LAST_RESORT = 2, USABLE = 3;

const STATE = statePositions();
const DOWN = CHANNEL_HEALTHS.indexOf("down");
const NO_CAUTION = 0, SUSPECT = CAUTIONS.indexOf("suspect"), RESTING = CAUTIONS.indexOf("resting");
const HALF_OPEN = CAUTIONS.indexOf("half open");
const FULL_RAMP = 100;

function statePositions(): Readonly<Record<ChannelState, number>> {
  const entries = CHANNEL_STATES.map((state, index) => [state, index]);
  return Object.fromEntries(entries) as Record<ChannelState, number>;
}

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
  /** Number of this isolate among those that use the table, from 0. */
  readonly worker: number;
  readonly #lock: Lock;
  /** Whether something was freed under the lock. */
  #isFreed = false;

  /** @param worker Number of this isolate among `size.workers`, from 0. */
  constructor(readonly handle: TableHandle, worker = 0) {
    this.#memory = new TableMemory(handle, worker);
    this.#accounts = new Accounts(this.#memory);
    this.#words = this.#memory.words;
    this.#lock = new Lock(this.#words, {
      at: HEADER.LOCK,
      worker,
      isShared: handle.size.workers > 1,
    });
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
    return this.length(group) - this.#words[this.#memory.group(group) + GROUP.LEAVING]!;
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
    return this.#word(group, channel, CHANNEL.LEAVING) !== 0;
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
    const at = this.#memory.channel(group, channel);
    if (!this.#isWilling(at) || this.#isFull(at, group, channel)) return UNUSABLE;
    const caution = this.#words[at + CHANNEL.CAUTION]!;
    if (caution === NO_CAUTION) return USABLE;
    if (caution === RESTING) return UNUSABLE;
    if (this.#words[at + CHANNEL.PROBER] !== 0) {
      return this.#words[at + CHANNEL.HEALTH] === DOWN ? UNUSABLE : CROWDED;
    }
    return caution === SUSPECT ? LAST_RESORT : USABLE;
  }

  /** Whether {@link usable} is not {@link UNUSABLE}. */
  available(group: number, channel: number): boolean {
    return this.usable(group, channel) !== UNUSABLE;
  }

  /** Whether only its `maxc` keeps a channel from being available. */
  full(group: number, channel: number): boolean {
    const at = this.#memory.channel(group, channel);
    // A negative maxc allows no connections at all.
    return this.#words[at + CHANNEL.CAUTION] === NO_CAUTION && this.#isWilling(at) &&
      this.#words[at + CHANNEL.MAXC]! > 0 && this.#isFull(at, group, channel);
  }

  #isWilling(at: number): boolean {
    if (this.#words[at + CHANNEL.STATE] !== STATE.enabled) return false;
    if (!this.#accounts.hasAddress(this.#words[at + CHANNEL.ACCOUNT]!)) return false;
    if (this.#words[at + CHANNEL.WEIGHT] === 0 || this.#words[at + CHANNEL.RAMP] === 0) {
      return false;
    }
    return this.#words[at + CHANNEL.HEALTH] !== DOWN ||
      this.#words[at + CHANNEL.CAUTION] === HALF_OPEN;
  }

  #isFull(at: number, group: number, channel: number): boolean {
    const maxc = this.#words[at + CHANNEL.MAXC]!;
    return maxc !== 0 && this.c(group, channel) >= maxc;
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
    this.#weightsChanged(group);
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
    this.#weightsChanged(group, { keepDebts: true });
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
    const at = this.#memory.channel(group, channel) + CHANNEL.NAME;
    return { high: this.#words[at]!, low: this.#words[at + 1]! };
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
    let c = 0;
    for (let account = this.account(group, channel); account >= 0;) {
      c += this.#accounts.c(account);
      account = this.#accounts.former(account);
    }
    return c;
  }

  /**
   * Adds a channel in the first free slot, or else after the last one that no reload has removed,
   * with all counters at zero.
   *
   * @returns Its number; `undefined` if the group is full.
   */
  add(group: number, to: NewChannel): number | undefined {
    return this.#exclusively(() => {
      const n = this.active(group), length = this.length(group);
      let channel = 0;
      while (channel < n && this.state(group, channel) !== "free") channel++;
      if (channel >= this.size.channels) return undefined;
      if (channel < n) {
        this.#accounts.close(group, channel);
        this.#fill(group, channel, to);
        this.#nameNew(group, channel, to);
      } else if (length >= this.slots) return undefined;
      else {
        const places: Placed[] = Array.from({ length }, (_, from) => ({ from }));
        places.splice(channel, 0, { add: to });
        this.#place(group, places);
      }
      this.#weightsChanged(group);
      this.#isFreed ||= to.enabled ?? true;
      return channel;
    });
  }

  /** Writes a new channel into a slot. */
  #fill(group: number, channel: number, to: NewChannel): void {
    const at = this.#memory.channel(group, channel), { enabled = true } = to;
    const account = this.#accounts.open(to);
    this.#words.fill(0, at, at + CHANNEL_WORDS);
    this.#words[at + CHANNEL.ID] = ++this.#words[HEADER.LAST_CHANNEL]!;
    this.#words[at + CHANNEL.ACCOUNT] = account;
    this.#words[at + CHANNEL.MAXC] = to.maxc ?? 0;
    this.#words[at + CHANNEL.WEIGHT] = to.weight ?? DEFAULT_WEIGHT;
    this.#words[at + CHANNEL.RAMP] = FULL_RAMP;
    this.#accounts.own(group, channel);
    this.#renew(group, channel);
    Atomics.store(this.#words, at + CHANNEL.STATE, enabled ? STATE.enabled : STATE.disabled);
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
      const kept = new Map([...groups].map(([group, places]) => [
        group,
        places.filter((one) => !("from" in one && one.leaving && this.c(group, one.from) === 0)),
      ]));
      if ([...kept.values()].some(({ length }) => length > this.slots)) return false;
      for (const [group, places] of kept) {
        this.#place(group, places);
        this.#weightsChanged(group);
      }
      also?.();
      this.#isFreed = true;
      return true;
    });
  }

  /** Moves channels within a group; those that do not appear are closed. */
  #place(group: number, places: Arrangement): void {
    const length = this.length(group), active = this.active(group);
    const slotAt = (channel: number) => this.#memory.channel(group, channel);
    const copies = places.map((one) =>
      "from" in one
        ? this.#words.slice(slotAt(one.from), slotAt(one.from) + CHANNEL_WORDS)
        : undefined
    );
    const stays = new Set(places.map((one) => "from" in one ? one.from : -1));
    for (let channel = 0; channel < length; channel++) {
      if (!stays.has(channel)) this.#accounts.close(group, channel);
    }
    Atomics.add(this.#words, HEADER.ARRANGEMENT, 1);
    const cursor = movedCursor(places, this.cursor(group), active);
    for (const [channel, copy] of copies.entries()) {
      if (copy === undefined) continue;
      this.#words.set(copy, slotAt(channel));
      this.#accounts.own(group, channel);
    }
    for (const [channel, copy] of copies.entries()) {
      if (copy === undefined) this.#words.fill(0, slotAt(channel), slotAt(channel + 1));
    }
    const end = Math.max(length, places.length);
    this.#words.fill(0, slotAt(places.length), slotAt(end));
    let leaving = 0;
    for (const [channel, one] of places.entries()) {
      if ("add" in one) this.#fill(group, channel, one.add);
      else if (one.leaving !== undefined) this.#setLeaving(group, channel, one.leaving);
      if (this.isLeaving(group, channel)) leaving++;
    }
    const at = this.#memory.group(group);
    Atomics.store(this.#words, at + GROUP.LENGTH, places.length);
    Atomics.store(this.#words, at + GROUP.LEAVING, leaving);
    this.#nameAll(group, places);
    this.setCursor(group, cursor);
    Atomics.add(this.#words, HEADER.ARRANGEMENT, 1);
  }

  /** Makes the names of channels unique in their order, as at the start. */
  #nameAll(group: number, places: Arrangement): void {
    const taken = new Set<number>();
    for (const [channel, one] of places.entries()) {
      if (this.isLeaving(group, channel)) continue;
      const host = "add" in one ? one.add.host ?? formatIp(one.add.address) : one.host;
      if (host !== undefined) {
        const port = this.port(group, channel);
        this.#setName(group, channel, { host, port, taken });
      }
      taken.add(unitOf(this.nameHash(group, channel)));
    }
  }

  #setLeaving(group: number, channel: number, leaving: boolean): void {
    if (this.isLeaving(group, channel) === leaving) return;
    const state = leaving ? STATE.draining : STATE.enabled;
    this.#setWord([group, channel], CHANNEL.STATE, state);
    this.#setWord([group, channel], CHANNEL.LEAVING, leaving ? 1 : 0);
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
      this.#nameNew(group, channel, to);
      this.#renew(group, channel);
    });
  }

  /** Removes a channel, which must not have connections. Other channels keep their numbers. */
  remove(group: number, channel: number): void {
    this.#setWord([group, channel], CHANNEL.STATE, STATE.free);
    this.#renew(group, channel);
    this.#weightsChanged(group);
  }

  /** Forgets what was known about the former backend of a slot. */
  #renew(group: number, channel: number): void {
    const at = this.#memory.channel(group, channel);
    const { HEALTH, CAUTION, PROBER, FAILURES, GENERATION } = CHANNEL;
    for (const word of [HEALTH, CAUTION, PROBER, FAILURES]) {
      Atomics.store(this.#words, at + word, 0);
    }
    const generation = Atomics.add(this.#words, HEADER.LAST_GENERATION, 1) + 1;
    Atomics.store(this.#words, at + GENERATION, generation);
  }

  #nameNew(group: number, channel: number, to: ChannelAddress & { host?: string }): void {
    const { port, host = formatIp(to.address) } = to;
    this.#setName(group, channel, { host, port, taken: this.#otherNames(group, channel) });
  }

  /** @param to `taken`: names of other channels, each as a number. */
  #setName(
    group: number,
    channel: number,
    { host, port, taken }: { host: string; port: number; taken: ReadonlySet<number> },
  ): void {
    const name = formatEndpoint({ address: host, port });
    let copy = 0, hash = nameHash(name, copy);
    while (taken.has(unitOf(hash))) hash = nameHash(name, ++copy);
    const at = this.#memory.channel(group, channel) + CHANNEL.NAME;
    this.#words[at] = hash.high;
    this.#words[at + 1] = hash.low;
  }

  /** The names of the other channels of a group, each as a number. */
  #otherNames(group: number, except: number): Set<number> {
    const names = new Set<number>();
    for (let channel = 0; channel < this.active(group); channel++) {
      if (channel === except || !this.exists(group, channel)) continue;
      names.add(unitOf(this.nameHash(group, channel)));
    }
    return names;
  }

  /**
   * Notes whether the weights of a group differ. Weighted round robin starts anew, except when only a
   * ramp has changed: at each step of a slow start, a channel with a low weight would lose its turn.
   */
  #weightsChanged(group: number, { keepDebts = false } = {}): void {
    let weight = -1, differ = false;
    for (let channel = 0; channel < this.length(group); channel++) {
      const own = this.effectiveWeight(group, channel);
      if (own === 0 || !this.exists(group, channel)) continue;
      differ ||= weight >= 0 && own !== weight;
      weight = own;
    }
    if (!keepDebts || !differ || !this.isWeighted(group)) {
      for (let channel = 0; channel < this.length(group); channel++) {
        this.setDebt(group, channel, 0);
      }
    }
    Atomics.store(this.#words, this.#memory.group(group) + GROUP.WEIGHTED, differ ? 1 : 0);
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
    const { traffic } = this.#memory;
    return {
      group,
      channel,
      type: this.schedule(group),
      state: this.state(group, channel),
      health: this.health(group, channel),
      weight: this.weight(group, channel),
      address: this.#accounts.address(account),
      port: this.#accounts.port(account),
      c: this.#accounts.c(account),
      totalc: this.#accounts.totalc(account),
      maxc: this.#word(group, channel, CHANNEL.MAXC),
      sent: traffic.sum(account * COUNTERS + SENT),
      rcvd: traffic.sum(account * COUNTERS + RCVD),
    };
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
