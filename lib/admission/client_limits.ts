/** How many connections, and how many new ones per second, a client may have, over all isolates. */

import type { Refusal } from "../base/reason.ts";
import { Lock } from "../table/lock.ts";
import { newSeed } from "./client_key.ts";
import { HEADER, limitsBytes, type LimitsHandle, LimitsMemory, TIME } from "./limits_memory.ts";

/** The limits; 0 for none. */
export interface Limits {
  /** `--per-client`: open connections of a client. */
  readonly perClient: number;
  /** `--accept-rate`: new connections per second in all. */
  readonly acceptRate: number;
  /** `--accept-rate`: new connections per second of a client. */
  readonly clientRate: number;
}

/** No limits. */
export const NO_LIMITS: Limits = { perClient: 0, acceptRate: 0, clientRate: 0 };

/** Bounds for the number of clients that are remembered. */
const MIN_ENTRIES = 65_536, MAX_ENTRIES = 2 ** 20;
/** A token bucket holds the connections of this many milliseconds. */
const BURST_MS = 1000;
/** Sums of times are rounded. */
const ROUNDING_MS = 1e-3;

/**
 * The connections of each client (an IPv4 address, or the first 64 bits of an IPv6 address), and a
 * token bucket for each client and one for all. Buckets hold the connections of a second. A client
 * without connections and with a full bucket is forgotten.
 *
 * A bucket is one number: the time when it will be full (GCRA, ITU-T I.371 Annex A).
 */
export class ClientLimits {
  readonly #memory: LimitsMemory;
  readonly #worker: number;
  readonly #lock: Lock;
  readonly #clock: () => number;
  /** Milliseconds that are added to the clock of this isolate to get the common time. */
  #offset: number;

  /**
   * @param worker Number of this isolate among `handle.workers`, from 0. By default, it has no
   *     connections.
   * @param clock Monotonic, in milliseconds.
   */
  constructor(
    readonly handle: LimitsHandle,
    worker = handle.workers,
    clock = () => performance.now(),
  ) {
    this.#memory = new LimitsMemory(handle);
    this.#worker = worker;
    this.#clock = clock;
    this.#lock = new Lock(this.#memory.words, { at: HEADER.LOCK, worker, of: "limits" });
    this.#offset = Date.now() - this.#memory.times[TIME.ORIGIN]! - clock();
  }

  /** The limits in force. */
  get limits(): Limits {
    const { words } = this.#memory;
    return {
      perClient: Atomics.load(words, HEADER.PER_CLIENT),
      acceptRate: Atomics.load(words, HEADER.ACCEPT_RATE),
      clientRate: Atomics.load(words, HEADER.CLIENT_RATE),
    };
  }

  /** They apply to all new connections of all isolates at once. */
  set limits({ perClient, acceptRate, clientRate }: Limits) {
    const { words, times } = this.#memory;
    this.#lock.run(() => {
      // With another rate, what was accepted too early may take much longer to wait for.
      if (words[HEADER.ACCEPT_RATE] !== acceptRate) times[TIME.ALL] = 0;
      Atomics.store(words, HEADER.PER_CLIENT, perClient);
      Atomics.store(words, HEADER.ACCEPT_RATE, acceptRate);
      Atomics.store(words, HEADER.CLIENT_RATE, clientRate);
    });
  }

  /**
   * Counts a new connection of a client, or returns why it may not have another one.
   *
   * Without a limit for the number, a client for which there is no room is admitted and not counted.
   */
  enter(client: string): Exclude<Refusal, "denied"> | undefined {
    return this.#lock.run(() => {
      const { perClient, clientRate } = this.limits, now = this.#now();
      const entry = this.#memory.take(client, now);
      if (entry === undefined) return perClient > 0 ? "client limit" : undefined;
      const fullAt = clientRate === 0 ? 0 : afterOne(this.#memory.fullAt(entry), now, clientRate);
      const refusal = waitMs(fullAt, now) > 0
        ? "client rate"
        : perClient > 0 && this.#memory.count(entry) >= perClient
        ? "client limit"
        : undefined;
      if (refusal !== undefined) return refusal;
      if (clientRate > 0) this.#memory.setFullAt(entry, fullAt);
      this.#memory.add(entry, this.#worker, 1);
      return undefined;
    });
  }

  /** Counts an open connection of a client, whatever the limits are. */
  adopt(client: string): void {
    this.#lock.run(() => {
      const entry = this.#memory.take(client, this.#now());
      if (entry !== undefined) this.#memory.add(entry, this.#worker, 1);
    });
  }

  /** A connection of a client that was admitted here has ended. */
  leave(client: string): void {
    this.#lock.run(() => {
      const entry = this.#memory.find(client);
      if (entry === undefined) return;
      this.#memory.add(entry, this.#worker, -1);
      this.#memory.freeIfUnused(entry, this.#now());
    });
  }

  /** Open connections of a client. */
  open(client: string): number {
    return this.#lock.run(() => {
      const entry = this.#memory.find(client);
      return entry === undefined ? 0 : this.#memory.count(entry);
    });
  }

  /** Milliseconds until the next connection may be accepted; 0 for now. */
  pauseMs(): number {
    const { acceptRate } = this.limits;
    if (acceptRate === 0) return 0;
    return this.#lock.run(() => {
      const now = this.#now();
      return waitMs(afterOne(this.#memory.times[TIME.ALL]!, now, acceptRate), now);
    });
  }

  /**
   * Counts a connection that was accepted.
   *
   * @returns Milliseconds that it must wait, if other isolates have accepted since {@link pauseMs}.
   */
  accepted(): number {
    const { acceptRate } = this.limits;
    if (acceptRate === 0) return 0;
    return this.#lock.run(() => {
      const { times } = this.#memory, now = this.#now();
      if (times[TIME.ALL]! <= now) times[TIME.FULL] = now;
      times[TIME.ALL] = afterOne(times[TIME.ALL]!, now, acceptRate);
      return waitMs(times[TIME.ALL]!, now);
    });
  }

  /**
   * A connection that was accepted does not count, so that refused clients delay no others.
   *
   * @param ageMs Milliseconds since it was accepted. If the bucket was full since then, nothing is to
   *     be given back.
   */
  uncount(ageMs = 0): void {
    const { acceptRate } = this.limits;
    if (acceptRate === 0) return;
    this.#lock.run(() => {
      const { times } = this.#memory, now = this.#now();
      if (now - ageMs >= times[TIME.FULL]!) times[TIME.ALL]! -= BURST_MS / acceptRate;
    });
  }

  /** Gives back what the connections of a worker that died held. */
  releaseWorker(worker: number): void {
    this.#lock.releaseWorker(worker);
    this.#lock.run(() => this.#memory.releaseWorker(worker, this.#now()));
  }

  /**
   * The time of all isolates, in milliseconds: it is monotonic, and follows the isolate that is
   * ahead, so that a change of the system's time does not matter.
   */
  #now(): number {
    const { times } = this.#memory, latest = times[TIME.NOW]!, mine = this.#clock();
    if (mine + this.#offset < latest) this.#offset = latest - mine;
    return times[TIME.NOW] = mine + this.#offset;
  }
}

/**
 * Creates limits that nothing counts for yet.
 *
 * @param workers How many isolates use them.
 * @param connections The most connections that all isolates may have.
 */
export function newClientLimits(
  workers: number,
  { connections = Infinity, limits = NO_LIMITS }: { connections?: number; limits?: Limits } = {},
): ClientLimits {
  const entries = Math.min(Math.max(2 * connections, MIN_ENTRIES), MAX_ENTRIES);
  const buffer = new SharedArrayBuffer(limitsBytes(workers, entries));
  const handle = { workers, entries, buffer }, { words, times } = new LimitsMemory(handle);
  words[HEADER.SEED] = newSeed();
  times[TIME.ORIGIN] = Date.now();
  const created = new ClientLimits(handle);
  created.limits = limits;
  return created;
}

/** When a bucket is full after another connection. */
function afterOne(fullAt: number, now: number, rate: number): number {
  return Math.max(fullAt, now) + BURST_MS / rate;
}

/** How long a connection must wait, given when the bucket is full after it. */
function waitMs(fullAt: number, now: number): number {
  const ms = fullAt - now - BURST_MS;
  return ms > ROUNDING_MS ? ms : 0;
}
