/** What is in the places for channels: writes, names, moves and compares them. */

import { formatEndpoint } from "../address/host_port.ts";
import { formatIp } from "../address/ip.ts";
import { SEND_PROXY_NAMES, type SendProxy } from "../proxy_protocol/send_proxy.ts";
import type { Accounts, ChannelAddress, NewChannel } from "./accounts.ts";
import { type Arrangement, movedCursor, type Placed } from "./arrangement.ts";
import { CHANNEL, CHANNEL_WORDS, GROUP, HEADER, type TableMemory } from "./layout.ts";
import { type Hash64, nameHashes, unitOf } from "./name_hash.ts";
import { DEFAULT_WEIGHT, STATE } from "./states.ts";

const FULL_RAMP = 100;
const NO_HEADER = SEND_PROXY_NAMES.indexOf("none") + 1;

/** The places of all groups. To add, name or move channels, the lock must be held. */
export class Slots {
  readonly #memory: TableMemory;
  readonly #accounts: Accounts;
  readonly #words: Int32Array;

  constructor(memory: TableMemory, accounts: Accounts) {
    this.#memory = memory;
    this.#accounts = accounts;
    this.#words = memory.words;
  }

  /** Whether a reload has removed the channel, which has connections. */
  isLeaving(group: number, channel: number): boolean {
    return Atomics.load(this.#words, this.#memory.channel(group, channel) + CHANNEL.LEAVING) !== 0;
  }

  /** The hash of the name of a channel. */
  nameHash(group: number, channel: number): Hash64 {
    const at = this.#memory.channel(group, channel) + CHANNEL.NAME;
    return { high: this.#words[at]!, low: this.#words[at + 1]! };
  }

  /** See `Table.add`. */
  add(group: number, to: NewChannel): number | undefined {
    const memory = this.#memory, length = memory.length(group), active = memory.active(group);
    let channel = 0;
    while (channel < active && !this.#isFree(group, channel)) channel++;
    if (channel >= memory.size.channels) return undefined;
    if (channel < active) {
      this.#accounts.close(group, channel);
      this.#fill(group, channel, to);
      this.nameNew(group, channel, to);
    } else if (length >= memory.slots) return undefined;
    else if (channel === length) this.#append(group, to);
    else {
      const places: Placed[] = Array.from({ length }, (_, from) => ({ from }));
      places.splice(channel, 0, { add: to });
      this.#place(group, places);
    }
    this.noteWeights(group);
    return channel;
  }

  /** Adds a channel after the last one: no other one moves, so that adding many takes little time. */
  #append(group: number, to: NewChannel): void {
    const at = this.#memory.group(group), channel = this.#memory.length(group);
    // Round robin that was about to start again does so at the first channel.
    if (this.#words[at + GROUP.CURSOR]! >= channel) this.#words[at + GROUP.CURSOR] = 0;
    this.#fill(group, channel, to);
    this.nameNew(group, channel, to);
    Atomics.store(this.#words, at + GROUP.LENGTH, channel + 1);
  }

  #isFree(group: number, channel: number): boolean {
    return this.#words[this.#memory.channel(group, channel) + CHANNEL.STATE] === STATE.free;
  }

  /** See `Table.rearrange`. */
  rearrange(groups: ReadonlyMap<number, Arrangement>): boolean {
    const isEmpty = (group: number, channel: number) =>
      this.#accounts.connections(group, channel) === 0;
    const kept = new Map([...groups].map(([group, places]) => [
      group,
      places.filter((one) => !("from" in one && one.leaving && isEmpty(group, one.from))),
    ]));
    if ([...kept.values()].some(({ length }) => length > this.#memory.slots)) return false;
    for (const [group, places] of kept) {
      this.#place(group, places);
      this.noteWeights(group);
    }
    return true;
  }

  /** Writes a new channel, without a name. */
  #fill(group: number, channel: number, to: NewChannel): void {
    const at = this.#memory.channel(group, channel), { enabled = true } = to;
    const account = this.#accounts.open(to);
    this.#words.fill(0, at, at + CHANNEL_WORDS);
    this.#words[at + CHANNEL.ID] = ++this.#words[HEADER.LAST_CHANNEL]!;
    this.#words[at + CHANNEL.ACCOUNT] = account;
    this.#words[at + CHANNEL.MAXC] = to.maxc ?? 0;
    this.#words[at + CHANNEL.WEIGHT] = to.weight ?? DEFAULT_WEIGHT;
    this.#words[at + CHANNEL.RAMP] = FULL_RAMP;
    this.setSendProxy(at + CHANNEL.SEND_PROXY, to.sendProxy);
    this.#accounts.own(group, channel);
    this.renew(group, channel);
    Atomics.store(this.#words, at + CHANNEL.STATE, enabled ? STATE.enabled : STATE.disabled);
  }

  /** Sets a word of PROXY headers; `undefined`: that of all channels, or none. */
  setSendProxy(at: number, sendProxy: SendProxy | undefined): void {
    const word = sendProxy === undefined ? 0 : SEND_PROXY_NAMES.indexOf(sendProxy) + 1;
    Atomics.store(this.#words, at, word);
    // Never back to 0, since others may have one.
    if (word > NO_HEADER) Atomics.store(this.#words, HEADER.ANY_SEND_PROXY, 1);
  }

  /** Forgets what was known about the former backend of a channel. */
  renew(group: number, channel: number): void {
    const at = this.#memory.channel(group, channel);
    const { HEALTH, CAUTION, PROBER, FAILURES, GENERATION } = CHANNEL;
    for (const word of [HEALTH, CAUTION, PROBER, FAILURES]) {
      Atomics.store(this.#words, at + word, 0);
    }
    const generation = Atomics.add(this.#words, HEADER.LAST_GENERATION, 1) + 1;
    Atomics.store(this.#words, at + GENERATION, generation);
  }

  /** Moves channels within a group; those that do not appear are closed. */
  #place(group: number, places: Arrangement): void {
    const length = this.#memory.length(group), active = this.#memory.active(group);
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
    const at = this.#memory.group(group);
    const cursor = movedCursor(places, this.#words[at + GROUP.CURSOR]!, active);
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
    Atomics.store(this.#words, at + GROUP.LENGTH, places.length);
    Atomics.store(this.#words, at + GROUP.LEAVING, leaving);
    this.#nameAll(group, places);
    this.#words[at + GROUP.CURSOR] = cursor;
    Atomics.add(this.#words, HEADER.ARRANGEMENT, 1);
  }

  #setLeaving(group: number, channel: number, leaving: boolean): void {
    if (this.isLeaving(group, channel) === leaving) return;
    const at = this.#memory.channel(group, channel);
    Atomics.store(this.#words, at + CHANNEL.STATE, leaving ? STATE.draining : STATE.enabled);
    Atomics.store(this.#words, at + CHANNEL.LEAVING, leaving ? 1 : 0);
  }

  /** Makes the names of channels unique in their order, as at the start. */
  #nameAll(group: number, places: Arrangement): void {
    const taken = new Set<number>();
    for (const [channel, one] of places.entries()) {
      if (this.isLeaving(group, channel)) continue;
      const host = "add" in one ? one.add.host ?? formatIp(one.add.address) : one.host;
      if (host !== undefined) {
        const port = this.#accounts.port(this.#accounts.current(group, channel));
        this.#setName(group, channel, { host, port, taken });
      }
      taken.add(unitOf(this.nameHash(group, channel)));
    }
  }

  /** Gives a channel a name that no other one of its group has. */
  nameNew(group: number, channel: number, to: ChannelAddress & { host?: string }): void {
    const { port, host = formatIp(to.address) } = to;
    this.#setName(group, channel, { host, port, taken: this.#otherNames(group, channel) });
  }

  /** @param to `taken`: names of other channels, each as a number. */
  #setName(
    group: number,
    channel: number,
    { host, port, taken }: { host: string; port: number; taken: ReadonlySet<number> },
  ): void {
    const hashOf = nameHashes(formatEndpoint({ address: host, port }));
    let copy = 0, hash = hashOf(copy);
    while (taken.has(unitOf(hash))) hash = hashOf(++copy);
    const at = this.#memory.channel(group, channel) + CHANNEL.NAME;
    this.#words[at] = hash.high;
    this.#words[at + 1] = hash.low;
  }

  /** The names of the other channels of a group, each as a number. */
  #otherNames(group: number, except: number): Set<number> {
    const names = new Set<number>(), active = this.#memory.active(group);
    for (let channel = 0; channel < active; channel++) {
      if (channel === except || this.#isFree(group, channel)) continue;
      names.add(unitOf(this.nameHash(group, channel)));
    }
    return names;
  }

  /**
   * Notes whether the weights of a group differ. Weighted round robin starts anew, except when only a
   * ramp has changed: at each step of a slow start, a channel with a low weight would lose its turn.
   */
  noteWeights(group: number, { keepDebts = false } = {}): void {
    const length = this.#memory.length(group), words = this.#words;
    const weighted = this.#memory.group(group) + GROUP.WEIGHTED;
    let weight = -1, differ = false;
    for (let channel = 0; channel < length; channel++) {
      const at = this.#memory.channel(group, channel);
      const own = words[at + CHANNEL.WEIGHT]! * words[at + CHANNEL.RAMP]!;
      if (own === 0 || this.#isFree(group, channel)) continue;
      differ ||= weight >= 0 && own !== weight;
      weight = own;
    }
    if (!keepDebts || !differ || words[weighted] === 0) {
      for (let channel = 0; channel < length; channel++) {
        words[this.#memory.channel(group, channel) + CHANNEL.DEBT] = 0;
      }
    }
    Atomics.store(words, weighted, differ ? 1 : 0);
  }
}
