/**
 * The table: groups of channels as plain numbers in one `SharedArrayBuffer`.
 *
 * Balancing, counting, showing and controlling all work on it through the accessors here. Nothing
 * else is shared, so one worker and many run the same code.
 *
 * Long because one layout in memory needs one owner.
 *
 * Bytes (`sent`, `rcvd`) are counted in batches: each isolate adds to numbers that only it writes,
 * without a lock or an object per chunk, and a reader adds them up, so the sum is exact at any
 * moment. Changes that must be seen together (choosing and claiming, changing an address) happen
 * inside {@link Table.locked}.
 */

import type { Ip } from "../address/ip.ts";

/** How a group chooses among its channels. */
export type GroupType = "rr" | "hash";

/** Administrative state of a channel: what the operator wants. `free` is an unused slot. */
export type ChannelState = "free" | "enabled" | "disabled";

/** Health of a channel. There are no health checks yet, so it is always `up`. */
export type ChannelHealth = "up";

/** Everything about one channel at one moment. */
export interface ChannelRow {
  readonly group: number;
  readonly channel: number;
  readonly type: GroupType;
  readonly state: ChannelState;
  readonly health: ChannelHealth;
  readonly address: Ip;
  readonly port: number;
  /** Open connections, attempts to connect included. */
  readonly c: number;
  /** Attempts so far, modulo 2^32; 3.35 counts attempts, not connections. */
  readonly totalc: number;
  /** Maximum of open connections; 0 for no limit. */
  readonly maxc: number;
  /** Bytes from clients to this channel. */
  readonly sent: bigint;
  /** Bytes from this channel to clients. */
  readonly rcvd: bigint;
}

/** Size of a table. */
export interface TableSize {
  /** Groups, at least 1. */
  readonly groups: number;
  /** Channels per group, at least 1. */
  readonly channels: number;
  /** Isolates that claim channels, at least 1. */
  readonly workers: number;
}

/** What is needed to use the same table in another isolate. */
export interface TableHandle {
  readonly size: TableSize;
  readonly buffer: SharedArrayBuffer;
}

// Layout in 32-bit words: a header, the groups, the channels, what each worker holds.
const LOCK = 0, LAST_CONNECTION = 1;
const HEADER_WORDS = 4;
const GROUP_WORDS = 4;
const TYPE = 0, LENGTH = 1, CURSOR = 2;
const CHANNEL_WORDS = 12;
const STATE = 0, PORT = 1, C = 2, TOTALC = 3, MAXC = 4, FAMILY = 5, ADDRESS = 6, HEALTH = 10;
const UP = 0;
const FREE = 0, ENABLED = 1, DISABLED = 2;
/** Bytes of one counter, and counters of one channel. */
const COUNTER_BYTES = 8, COUNTERS = 2;
const SENT = 0, RCVD = 1;
/** A batch is folded into the shared counter before it exceeds this; numbers are exact to 2^53. */
const MAX_BATCH_BYTES = 2 ** 52;

/** Groups and channels over shared memory. */
export class Table {
  readonly size: TableSize;
  readonly #buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  /** Folded batches: `sent` and `rcvd` of each channel in this order, modulo 2^64. */
  readonly #traffic: BigUint64Array;
  /** Open batches, one isolate after the other, each in the order of `#traffic`. */
  readonly #batches: Float64Array;
  readonly #ownBatch: number;
  readonly #worker: number;
  readonly #held: number;

  /**
   * @param handle A new table by {@link newTable}, or the handle of another isolate's.
   * @param worker Which of `size.workers` uses it here, from 0.
   */
  constructor(handle: TableHandle, worker = 0) {
    const { size, buffer } = handle;
    const channels = size.groups * size.channels;
    this.size = size;
    this.#buffer = buffer;
    const counters = channels * COUNTERS, batches = counters * size.workers;
    this.#traffic = new BigUint64Array(buffer, 0, counters);
    this.#batches = new Float64Array(buffer, this.#traffic.byteLength, batches);
    this.#ownBatch = counters * worker;
    this.#words = new Int32Array(buffer, (counters + batches) * COUNTER_BYTES);
    this.#bytes = new Uint8Array(buffer);
    this.#worker = worker;
    this.#held = HEADER_WORDS + size.groups * GROUP_WORDS + channels * CHANNEL_WORDS;
  }

  /** What another isolate needs to use this table. */
  get handle(): TableHandle {
    return { size: this.size, buffer: this.#buffer };
  }

  /**
   * Runs a function while no other isolate is inside `locked`.
   *
   * @param run Must be short, must not call `locked` and cannot wait for anything.
   * @returns What `run` returned.
   */
  locked<T>(run: () => T): T {
    const me = this.#worker + 1;
    while (Atomics.compareExchange(this.#words, LOCK, 0, me) !== 0) {
      // Another isolate is inside, for microseconds. It may have lost its core, so let it run.
      Atomics.wait(this.#words, LOCK, Atomics.load(this.#words, LOCK), 1);
    }
    try {
      return run();
    } finally {
      Atomics.store(this.#words, LOCK, 0);
      if (this.size.workers > 1) Atomics.notify(this.#words, LOCK, 1);
    }
  }

  /** The number of a new connection, from 1, unique over all isolates. */
  nextConnection(): number {
    return (Atomics.add(this.#words, LAST_CONNECTION, 1) + 1) >>> 0;
  }

  /** The schedule of a group. */
  type(group: number): GroupType {
    return this.#words[this.#group(group) + TYPE] === 1 ? "hash" : "rr";
  }

  /** Changes the schedule of a group; its cursor stays. */
  setType(group: number, type: GroupType): void {
    Atomics.store(this.#words, this.#group(group) + TYPE, type === "hash" ? 1 : 0);
  }

  /** Number of channels of a group, disabled and freed ones included. */
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

  /** Whether this channel exists: its slot is in use. */
  exists(group: number, channel: number): boolean {
    return Number.isInteger(group) && group >= 0 && group < this.size.groups &&
      Number.isInteger(channel) && channel >= 0 && channel < this.length(group) &&
      this.#words[this.#channel(group, channel) + STATE] !== FREE;
  }

  /**
   * Whether the channel may get a connection: enabled, up, and below its `maxc`. The one rule that
   * all schedules use.
   */
  available(group: number, channel: number): boolean {
    const at = this.#channel(group, channel);
    if (this.#words[at + STATE] !== ENABLED || this.#words[at + HEALTH] !== UP) return false;
    const maxc = this.#words[at + MAXC]!;
    return maxc === 0 || Atomics.load(this.#words, at + C) < maxc;
  }

  /** Administrative state of a channel. */
  state(group: number, channel: number): ChannelState {
    const state = this.#words[this.#channel(group, channel) + STATE];
    return state === ENABLED ? "enabled" : state === FREE ? "free" : "disabled";
  }

  /**
   * Enables or disables a channel; open connections stay.
   *
   * @returns Whether that changed anything.
   */
  setEnabled(group: number, channel: number, enabled: boolean): boolean {
    const [from, to] = enabled ? [DISABLED, ENABLED] : [ENABLED, DISABLED];
    const at = this.#channel(group, channel) + STATE;
    return Atomics.compareExchange(this.#words, at, from, to) === from;
  }

  /** Changes the limit of a channel; open connections stay. */
  setMaxc(group: number, channel: number, maxc: number): void {
    Atomics.store(this.#words, this.#channel(group, channel) + MAXC, maxc);
  }

  /** Address bytes of a channel (a copy). */
  address(group: number, channel: number): Ip {
    const at = this.#channel(group, channel);
    const start = this.#words.byteOffset + (at + ADDRESS) * 4;
    return this.#bytes.slice(start, start + this.#words[at + FAMILY]!);
  }

  /** Port of a channel. */
  port(group: number, channel: number): number {
    return this.#words[this.#channel(group, channel) + PORT]!;
  }

  /** Open connections of a channel. */
  c(group: number, channel: number): number {
    return Atomics.load(this.#words, this.#channel(group, channel) + C);
  }

  /**
   * Adds a channel with all counters at zero: in the first freed slot, else at the end.
   *
   * @returns Its number, `undefined` if the group is full.
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
      this.#words.fill(0, at, at + CHANNEL_WORDS);
      this.#forget(group, channel);
      this.#assign(at, to);
      this.#words[at + MAXC] = to.maxc ?? 0;
      Atomics.store(this.#words, at + STATE, (to.enabled ?? true) ? ENABLED : DISABLED);
      if (channel === n) Atomics.store(this.#words, this.#group(group) + LENGTH, n + 1);
      return channel;
    });
  }

  /** Changes the address and port of a channel; counters and open connections stay. */
  assign(group: number, channel: number, to: { address: Ip; port: number }): void {
    this.locked(() => this.#assign(this.#channel(group, channel), to));
  }

  /** Frees a channel's slot; later channels keep their numbers. */
  remove(group: number, channel: number): void {
    Atomics.store(this.#words, this.#channel(group, channel) + STATE, FREE);
  }

  /** Sets `totalc`, `sent` and `rcvd` of a channel to zero; `c` stays. */
  reset(group: number, channel: number): void {
    Atomics.store(this.#words, this.#channel(group, channel) + TOTALC, 0);
    this.#forget(group, channel);
  }

  /** Counts a connection in: `c` and `totalc` go up. */
  enter(group: number, channel: number): void {
    const at = this.#channel(group, channel);
    Atomics.add(this.#words, at + C, 1);
    Atomics.add(this.#words, at + TOTALC, 1);
    Atomics.add(this.#words, this.#heldAt(this.#worker, group, channel), 1);
  }

  /** Counts a connection out: `c` goes down. */
  leave(group: number, channel: number): void {
    Atomics.sub(this.#words, this.#channel(group, channel) + C, 1);
    Atomics.sub(this.#words, this.#heldAt(this.#worker, group, channel), 1);
  }

  /** Counts bytes from a client to the channel. */
  addSent(group: number, channel: number, bytes: number): void {
    this.#count(this.#flat(group, channel) * COUNTERS + SENT, bytes);
  }

  /** Counts bytes from the channel to a client. */
  addRcvd(group: number, channel: number, bytes: number): void {
    this.#count(this.#flat(group, channel) * COUNTERS + RCVD, bytes);
  }

  /**
   * Counts out the connections of a worker that died, and frees the lock if it died inside.
   *
   * @param worker Its number; no isolate may use that number any more.
   */
  releaseWorker(worker: number): void {
    Atomics.compareExchange(this.#words, LOCK, worker + 1, 0);
    for (let group = 0; group < this.size.groups; group++) {
      for (let channel = 0; channel < this.size.channels; channel++) {
        const held = Atomics.exchange(this.#words, this.#heldAt(worker, group, channel), 0);
        if (held !== 0) Atomics.sub(this.#words, this.#channel(group, channel) + C, held);
      }
    }
  }

  /** All about one channel. */
  row(group: number, channel: number): ChannelRow {
    const at = this.#channel(group, channel), counters = this.#flat(group, channel) * COUNTERS;
    return {
      group,
      channel,
      type: this.type(group),
      state: this.state(group, channel),
      health: "up",
      address: this.address(group, channel),
      port: this.#words[at + PORT]!,
      c: Atomics.load(this.#words, at + C),
      totalc: Atomics.load(this.#words, at + TOTALC) >>> 0,
      maxc: Atomics.load(this.#words, at + MAXC),
      sent: this.#sum(counters + SENT),
      rcvd: this.#sum(counters + RCVD),
    };
  }

  /** All channels in order of group and number, freed slots included. */
  *rows(): Generator<ChannelRow> {
    for (let group = 0; group < this.size.groups; group++) {
      for (let channel = 0; channel < this.length(group); channel++) yield this.row(group, channel);
    }
  }

  #assign(at: number, to: { address: Ip; port: number }): void {
    this.#words[at + PORT] = to.port;
    this.#words[at + FAMILY] = to.address.length;
    this.#bytes.set(to.address, this.#words.byteOffset + (at + ADDRESS) * 4);
  }

  #count(counter: number, bytes: number): void {
    const at = this.#ownBatch + counter;
    const batch = this.#batches[at]! + bytes;
    this.#batches[at] = batch < MAX_BATCH_BYTES ? batch : 0;
    if (batch >= MAX_BATCH_BYTES) Atomics.add(this.#traffic, counter, BigInt(batch));
  }

  #sum(counter: number): bigint {
    return BigInt.asUintN(64, Atomics.load(this.#traffic, counter) + this.#inBatches(counter));
  }

  #inBatches(counter: number): bigint {
    let sum = 0n;
    for (let at = counter; at < this.#batches.length; at += this.#traffic.length) {
      sum += BigInt(this.#batches[at]!);
    }
    return sum;
  }

  /** Counts from zero: open batches, which only their owners may write, are subtracted. */
  #forget(group: number, channel: number): void {
    const first = this.#flat(group, channel) * COUNTERS;
    for (const counter of [first + SENT, first + RCVD]) {
      Atomics.store(this.#traffic, counter, BigInt.asUintN(64, -this.#inBatches(counter)));
    }
  }

  #flat(group: number, channel: number): number {
    return group * this.size.channels + channel;
  }

  #group(group: number): number {
    return HEADER_WORDS + group * GROUP_WORDS;
  }

  #channel(group: number, channel: number): number {
    return HEADER_WORDS + this.size.groups * GROUP_WORDS +
      this.#flat(group, channel) * CHANNEL_WORDS;
  }

  #heldAt(worker: number, group: number, channel: number): number {
    return this.#held + worker * this.size.groups * this.size.channels + this.#flat(group, channel);
  }
}

/**
 * Makes an empty table: no channels, every counter at zero, every group round robin.
 */
export function newTable(size: TableSize): Table {
  const channels = size.groups * size.channels;
  const words = HEADER_WORDS + size.groups * GROUP_WORDS + channels * CHANNEL_WORDS +
    size.workers * channels;
  const counters = channels * COUNTERS * (1 + size.workers);
  return new Table({
    size,
    buffer: new SharedArrayBuffer(counters * COUNTER_BYTES + words * 4),
  });
}
