/**
 * The counters of the metrics in one `SharedArrayBuffer` that all workers use. It exists only with
 * `--metrics`. Each account of the table has its own counters of connect times and failures.
 */

import { type DialFailure, type Reason, wasEnded } from "../base/reason.ts";
import type { AccountCompanion } from "../table/table.ts";
import { HEADER_FAULTS, type HeaderFault } from "../proxy_protocol/header.ts";
import { FAILURES, REASONS } from "./vocabulary.ts";

/** Upper bounds of the connect-time histogram in seconds; the last bucket has no bound. */
// deno-fmt-ignore
export const CONNECT_BOUNDS_S: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Upper bounds of the histogram of times in the wait line, in seconds, as above. */
// deno-fmt-ignore
export const WAIT_BOUNDS_S: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
];

/** Milliseconds for which a failed attempt makes a backend count as unreachable. */
export const UNREACHABLE_MS = 10_000;

/** How many accounts and workers there are counters for. */
export interface StatsSize {
  readonly accounts: number;
  readonly workers: number;
}

/** What another isolate needs to use the same counters. */
export interface StatsHandle {
  readonly size: StatsSize;
  readonly buffer: SharedArrayBuffer;
}

/** A histogram of times: of the connects of one account, or of the wait line. */
export interface Times {
  /** How many per bucket and above the last; not cumulative. */
  readonly buckets: readonly bigint[];
  /** How many in all. */
  readonly count: bigint;
  /** Their total time in microseconds. */
  readonly sumUs: bigint;
}

const SUM = CONNECT_BOUNDS_S.length + 1, BLAMED = SUM + 1;
/** When the last attempt failed, in milliseconds since 1970; 0 if it succeeded or there is none. */
const FAILED_AT = BLAMED + 1;
const ACCOUNT_COUNTERS = FAILED_AT + 1;
const ACCEPTED = 0, ENDED = 1, FAILED = ENDED + REASONS.length;
const WAITED = FAILED + FAILURES.length, WAITED_SUM = WAITED + WAIT_BOUNDS_S.length + 1;
const BAD_HEADERS = WAITED_SUM + 1;
const OPEN = BAD_HEADERS + HEADER_FAULTS.length;
const REASON_AT = new Map(REASONS.map((reason, index) => [reason, ENDED + index]));
const FAILURE_AT = new Map(FAILURES.map((failure, index) => [failure, FAILED + index]));
const BOUNDS_MS = CONNECT_BOUNDS_S.map((seconds) => seconds * 1000);
const WAIT_BOUNDS_MS = WAIT_BOUNDS_S.map((seconds) => seconds * 1000);

/** The counters as one isolate uses them. */
export class Stats implements AccountCompanion {
  readonly #counters: BigUint64Array;
  readonly #open: number;
  readonly #closing: number;

  /** @param worker Number of this isolate among the workers, from 0. */
  constructor(readonly handle: StatsHandle, worker = 0) {
    this.#counters = new BigUint64Array(handle.buffer);
    this.#open = OPEN + worker;
    this.#closing = this.#open + handle.size.workers;
  }

  /** Counts an accepted connection. */
  started(): void {
    Atomics.add(this.#counters, ACCEPTED, 1n);
    Atomics.add(this.#counters, this.#open, 1n);
  }

  /** Counts a connection that has ended. */
  ended(reason: Reason): void {
    Atomics.add(this.#counters, REASON_AT.get(reason)!, 1n);
    Atomics.sub(this.#counters, this.#open, 1n);
  }

  /** A connection whose PROXY header is awaited (1), or is no longer (-1); it is open, too. */
  headers(change: 1n | -1n): void {
    Atomics.add(this.#counters, this.#open, change);
  }

  /** Counts a PROXY header that was not accepted. */
  badHeader(fault: HeaderFault): void {
    Atomics.add(this.#counters, BAD_HEADERS + HEADER_FAULTS.indexOf(fault), 1n);
  }

  /** A connection that has ended cannot close its sockets yet (1), or has closed them (-1). */
  closing(change: 1n | -1n): void {
    Atomics.add(this.#counters, this.#closing, change);
  }

  /** Counts a successful connect that took `ms` milliseconds. */
  connected(account: number, ms: number): void {
    const at = this.#account(account);
    this.#addTime(at, BOUNDS_MS, ms);
    Atomics.store(this.#counters, at + FAILED_AT, 0n);
  }

  /** Counts a client that has waited for `ms` milliseconds in the wait line. */
  waited(ms: number): void {
    this.#addTime(WAITED, WAIT_BOUNDS_MS, ms);
  }

  /**
   * Counts a failed attempt.
   *
   * @param now Milliseconds since 1970, the only clock that all workers share.
   */
  failed(account: number, failure: DialFailure, now: number = Date.now()): void {
    Atomics.add(this.#counters, FAILURE_AT.get(failure)!, 1n);
    if (wasEnded(failure)) return;
    Atomics.store(this.#counters, this.#account(account) + FAILED_AT, BigInt(now));
  }

  /** Counts a failed attempt that is the fault of the backend. */
  blame(account: number): void {
    Atomics.add(this.#counters, this.#account(account) + BLAMED, 1n);
  }

  /** Removes the connections of a dead worker from those that are open or closing. */
  releaseWorker(worker: number): void {
    Atomics.store(this.#counters, OPEN + worker, 0n);
    Atomics.store(this.#counters, OPEN + this.handle.size.workers + worker, 0n);
  }

  /** Connections accepted so far. */
  get accepted(): bigint {
    return Atomics.load(this.#counters, ACCEPTED);
  }

  /** Connections that are open now, including those without a channel. */
  get open(): number {
    return Number(sumOf(this.#load(OPEN, this.handle.size.workers)));
  }

  /** Connections that have ended but cannot close their sockets yet. */
  get nowClosing(): number {
    const { workers } = this.handle.size;
    return Number(sumOf(this.#load(OPEN + workers, workers)));
  }

  /** Connections that have ended for a reason. */
  endedBy(reason: Reason): bigint {
    return Atomics.load(this.#counters, REASON_AT.get(reason)!);
  }

  /** PROXY headers that were not accepted for a reason. */
  badHeaders(fault: HeaderFault): bigint {
    return Atomics.load(this.#counters, BAD_HEADERS + HEADER_FAULTS.indexOf(fault));
  }

  /** Attempts to connect that failed for a reason. */
  failedBy(failure: DialFailure): bigint {
    return Atomics.load(this.#counters, FAILURE_AT.get(failure)!);
  }

  /** Failed attempts that were the fault of the backend. */
  blamed(account: number): bigint {
    return Atomics.load(this.#counters, this.#account(account) + BLAMED);
  }

  /**
   * Whether the last attempt failed, less than {@link UNREACHABLE_MS} ago. If the system's clock was
   * set back meanwhile, the failure is ignored.
   */
  unreachable(account: number, now: number = Date.now()): boolean {
    const at = Number(Atomics.load(this.#counters, this.#account(account) + FAILED_AT));
    return at <= now && now - at < UNREACHABLE_MS;
  }

  /** Connect times of an account, in buckets of {@link CONNECT_BOUNDS_S}. */
  connectTimes(account: number): Times {
    return this.#times(this.#account(account), BOUNDS_MS);
  }

  /** Times that clients have waited in the wait line, in buckets of {@link WAIT_BOUNDS_S}. */
  get waitTimes(): Times {
    return this.#times(WAITED, WAIT_BOUNDS_MS);
  }

  /** Sets the counters of an account to zero. */
  opened(account: number): void {
    const at = this.#account(account);
    for (let i = 0; i < ACCOUNT_COUNTERS; i++) Atomics.store(this.#counters, at + i, 0n);
  }

  /** Forgets the last attempt: the operator enabled the channel. */
  enabled(account: number): void {
    Atomics.store(this.#counters, this.#account(account) + FAILED_AT, 0n);
  }

  /** Adds the counters of one account to another one. */
  folded(from: number, to: number): void {
    for (let i = 0; i <= BLAMED; i++) {
      const count = Atomics.load(this.#counters, this.#account(from) + i);
      Atomics.add(this.#counters, this.#account(to) + i, count);
    }
  }

  /** Adds to a histogram: its buckets, then the sum in microseconds. */
  #addTime(at: number, boundsMs: readonly number[], ms: number): void {
    let bucket = 0;
    while (bucket < boundsMs.length && ms > boundsMs[bucket]!) bucket++;
    Atomics.add(this.#counters, at + bucket, 1n);
    Atomics.add(this.#counters, at + boundsMs.length + 1, BigInt(Math.round(ms * 1000)));
  }

  #times(at: number, boundsMs: readonly number[]): Times {
    const length = boundsMs.length + 1, buckets = this.#load(at, length);
    const sumUs = Atomics.load(this.#counters, at + length);
    return { buckets, count: sumOf(buckets), sumUs };
  }

  #load(at: number, length: number): bigint[] {
    return Array.from({ length }, (_, i) => Atomics.load(this.#counters, at + i));
  }

  #account(account: number): number {
    return OPEN + 2 * this.handle.size.workers + account * ACCOUNT_COUNTERS;
  }
}

function sumOf(counters: readonly bigint[]): bigint {
  return counters.reduce((sum, one) => sum + one, 0n);
}

/** Creates counters, all zero. */
export function newStats({ accounts, workers }: StatsSize): Stats {
  const counters = OPEN + 2 * workers + accounts * ACCOUNT_COUNTERS;
  const buffer = new SharedArrayBuffer(counters * BigUint64Array.BYTES_PER_ELEMENT);
  return new Stats({ size: { accounts, workers }, buffer });
}
