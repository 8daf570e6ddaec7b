/**
 * The counters of the metrics in one `SharedArrayBuffer`, in which all workers count without
 * sending messages. It exists only with `--metrics`.
 *
 * Counters only grow. Those of a channel belong to the account of its address in the table.
 */

import type { DialFailure, Reason } from "../base/reason.ts";
import type { AccountCompanion } from "../table/table.ts";
import { FAILURES, REASONS } from "./vocabulary.ts";

/** Upper bounds of the connect-time histogram in seconds; the last bucket has no bound. */
// deno-fmt-ignore
export const CONNECT_BOUNDS_S: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Size of the counters: that of the table. */
export interface StatsSize {
  readonly accounts: number;
  readonly workers: number;
}

/** What another isolate needs to use the same counters. */
export interface StatsHandle {
  readonly size: StatsSize;
  readonly buffer: SharedArrayBuffer;
}

/** Connect times of one account. */
export interface ConnectTimes {
  /** Connects per bucket of {@link CONNECT_BOUNDS_S} and above the last; not cumulative. */
  readonly buckets: readonly bigint[];
  /** Successful connects. */
  readonly count: bigint;
  /** Their total time in microseconds. */
  readonly sumUs: bigint;
}

const ACCOUNT_COUNTERS = CONNECT_BOUNDS_S.length + 3;
const SUM = CONNECT_BOUNDS_S.length + 1, BLAMED = SUM + 1;
const ACCEPTED = 0, ENDED = 1, FAILED = ENDED + REASONS.length, OPEN = FAILED + FAILURES.length;
const REASON_AT = new Map(REASONS.map((reason, index) => [reason, ENDED + index]));
const FAILURE_AT = new Map(FAILURES.map((failure, index) => [failure, FAILED + index]));
const BOUNDS_MS = CONNECT_BOUNDS_S.map((seconds) => seconds * 1000);

/** Counters over shared memory. */
export class Stats implements AccountCompanion {
  readonly #handle: StatsHandle;
  readonly #counters: BigUint64Array;
  readonly #open: number;

  /**
   * @param handle Counters of {@link newStats}, from this or another isolate.
   * @param worker Number of the worker that counts here, from 0.
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

  /** Counts a successful connect that took `ms` milliseconds. */
  connected(account: number, ms: number): void {
    const at = this.#account(account);
    let bucket = 0;
    while (bucket < BOUNDS_MS.length && ms > BOUNDS_MS[bucket]!) bucket++;
    Atomics.add(this.#counters, at + bucket, 1n);
    Atomics.add(this.#counters, at + SUM, BigInt(Math.round(ms * 1000)));
  }

  /** Counts a failed attempt, whatever the cause. */
  failed(failure: DialFailure): void {
    Atomics.add(this.#counters, FAILURE_AT.get(failure)!, 1n);
  }

  /** Counts a failed attempt that is the fault of the backend. */
  blame(account: number): void {
    Atomics.add(this.#counters, this.#account(account) + BLAMED, 1n);
  }

  /** Removes the connections of a dead worker from the open ones. Its number must be unused. */
  releaseWorker(worker: number): void {
    Atomics.store(this.#counters, OPEN + worker, 0n);
  }

  /** Connections accepted so far. */
  get accepted(): bigint {
    return Atomics.load(this.#counters, ACCEPTED);
  }

  /** Connections that are open now, including those without a channel. */
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

  /** Failed attempts that were the fault of the backend. */
  blamed(account: number): bigint {
    return Atomics.load(this.#counters, this.#account(account) + BLAMED);
  }

  /** Connect times of an account. */
  connectTimes(account: number): ConnectTimes {
    const at = this.#account(account);
    const buckets = Array.from(
      { length: SUM },
      (_, bucket) => Atomics.load(this.#counters, at + bucket),
    );
    const count = buckets.reduce((all, one) => all + one, 0n);
    return { buckets, count, sumUs: Atomics.load(this.#counters, at + SUM) };
  }

  /** An account starts from zero. */
  opened(account: number): void {
    const at = this.#account(account);
    for (let i = 0; i < ACCOUNT_COUNTERS; i++) Atomics.store(this.#counters, at + i, 0n);
  }

  /** Adds the counters of one account to another one. */
  folded(from: number, to: number): void {
    for (let i = 0; i < ACCOUNT_COUNTERS; i++) {
      const count = Atomics.load(this.#counters, this.#account(from) + i);
      Atomics.add(this.#counters, this.#account(to) + i, count);
    }
  }

  #account(account: number): number {
    return OPEN + this.#handle.size.workers + account * ACCOUNT_COUNTERS;
  }
}

/** Creates counters, all zero. */
export function newStats({ accounts, workers }: StatsSize): Stats {
  const counters = OPEN + workers + accounts * ACCOUNT_COUNTERS;
  return new Stats({
    size: { accounts, workers },
    buffer: new SharedArrayBuffer(counters * 8),
  });
}
