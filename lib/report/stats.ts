/**
 * Counters of the metrics as plain numbers in one `SharedArrayBuffer`, beside the table: it exists
 * only with `--metrics`, and workers count in it without a message.
 *
 * Counters only grow. What belongs to a channel belongs to its slot: it goes on when another
 * address takes the slot, as the counters of the table do after `assign`.
 */

import type { DialFailure, Reason } from "../base/reason.ts";
import { FAILURES, REASONS } from "./vocabulary.ts";

/** Upper bounds of the connect-time histogram in seconds; one more bucket has none. */
export const CONNECT_BOUNDS_S: readonly number[] = [
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
];

/** Size of the counters. */
export interface StatsSize {
  /** Groups of the table. */
  readonly groups: number;
  /** Channels per group of the table. */
  readonly channels: number;
  /** Isolates that serve. */
  readonly workers: number;
}

/** What is needed to count in another isolate. */
export interface StatsHandle {
  readonly size: StatsSize;
  readonly buffer: SharedArrayBuffer;
}

/** How long connecting to one channel took. */
export interface ConnectTimes {
  /** Connects per bucket of {@link CONNECT_BOUNDS_S}, and those above; not cumulative. */
  readonly buckets: readonly bigint[];
  /** Successful connects. */
  readonly count: bigint;
  /** Microseconds that they took together. */
  readonly sumUs: bigint;
}

const CHANNEL_COUNTERS = CONNECT_BOUNDS_S.length + 3;
const SUM = CONNECT_BOUNDS_S.length + 1, BLAMED = SUM + 1;
const ACCEPTED = 0, ENDED = 1, FAILED = ENDED + REASONS.length, OPEN = FAILED + FAILURES.length;
const REASON_AT = new Map(REASONS.map((reason, index) => [reason, ENDED + index]));
const FAILURE_AT = new Map(FAILURES.map((failure, index) => [failure, FAILED + index]));
const BOUNDS_MS = CONNECT_BOUNDS_S.map((seconds) => seconds * 1000);

/** Counters over shared memory. */
export class Stats {
  readonly #handle: StatsHandle;
  readonly #counters: BigUint64Array;
  readonly #open: number;

  /**
   * @param handle New counters by {@link newStats}, or those of another isolate.
   * @param worker Which of `size.workers` counts here, from 0.
   */
  constructor(handle: StatsHandle, worker = 0) {
    this.#handle = handle;
    this.#counters = new BigUint64Array(handle.buffer);
    this.#open = OPEN + worker;
  }

  /** What another isolate needs to use these counters. */
  get handle(): StatsHandle {
    return this.#handle;
  }

  /** Counts a connection that was accepted. */
  started(): void {
    Atomics.add(this.#counters, ACCEPTED, 1n);
    Atomics.add(this.#counters, this.#open, 1n);
  }

  /** Counts a connection that has ended. */
  ended(reason: Reason): void {
    Atomics.add(this.#counters, REASON_AT.get(reason)!, 1n);
    Atomics.sub(this.#counters, this.#open, 1n);
  }

  /** Counts a channel that answered after so many milliseconds. */
  connected(group: number, channel: number, ms: number): void {
    const at = this.#channel(group, channel);
    let bucket = 0;
    while (bucket < BOUNDS_MS.length && ms > BOUNDS_MS[bucket]!) bucket++;
    Atomics.add(this.#counters, at + bucket, 1n);
    Atomics.add(this.#counters, at + SUM, BigInt(Math.round(ms * 1000)));
  }

  /** Counts an attempt that failed, whosever fault it is. */
  failed(failure: DialFailure): void {
    Atomics.add(this.#counters, FAILURE_AT.get(failure)!, 1n);
  }

  /** Counts a failed attempt that a channel is to blame for. */
  blame(group: number, channel: number): void {
    Atomics.add(this.#counters, this.#channel(group, channel) + BLAMED, 1n);
  }

  /** Counts out the connections of a worker that died; nothing may run under its number. */
  releaseWorker(worker: number): void {
    Atomics.store(this.#counters, OPEN + worker, 0n);
  }

  /** Connections accepted so far. */
  get accepted(): bigint {
    return Atomics.load(this.#counters, ACCEPTED);
  }

  /** Connections that are open now, those without a channel included. */
  get open(): number {
    let open = 0n;
    for (let worker = 0; worker < this.#handle.size.workers; worker++) {
      open += Atomics.load(this.#counters, OPEN + worker);
    }
    return Number(open);
  }

  /** Connections that have ended for a reason. */
  endedBy(reason: Reason): bigint {
    return Atomics.load(this.#counters, REASON_AT.get(reason)!);
  }

  /** Attempts to connect that failed for a reason. */
  failedBy(failure: DialFailure): bigint {
    return Atomics.load(this.#counters, FAILURE_AT.get(failure)!);
  }

  /** Failed attempts that a channel is to blame for. */
  blamed(group: number, channel: number): bigint {
    return Atomics.load(this.#counters, this.#channel(group, channel) + BLAMED);
  }

  /** How long connecting to a channel took. */
  connectTimes(group: number, channel: number): ConnectTimes {
    const at = this.#channel(group, channel);
    const buckets = Array.from(
      { length: SUM },
      (_, bucket) => Atomics.load(this.#counters, at + bucket),
    );
    const count = buckets.reduce((all, one) => all + one, 0n);
    return { buckets, count, sumUs: Atomics.load(this.#counters, at + SUM) };
  }

  #channel(group: number, channel: number): number {
    const { channels, workers } = this.#handle.size;
    return OPEN + workers + (group * channels + channel) * CHANNEL_COUNTERS;
  }
}

/**
 * Makes counters at zero.
 *
 * @param size Their size: that of the table.
 */
export function newStats(size: StatsSize): Stats {
  const counters = OPEN + size.workers + size.groups * size.channels * CHANNEL_COUNTERS;
  return new Stats({ size, buffer: new SharedArrayBuffer(counters * 8) });
}
