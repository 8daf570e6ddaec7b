/**
 * How many clients were refused, and which of them were reported in the last minute, in memory that
 * all workers share. It has a fixed size: with more clients than it has room for, those that were
 * reported first are forgotten, and reported again.
 */

import type { Reason, Refusal } from "../base/reason.ts";
import { clientKey, newSeed, seededHash } from "./client_key.ts";

/** Seconds between two reports of a client that is refused for the same reason. */
const REPORT_EVERY_S = 60;
/** Reports that are remembered, and how many places each of them may have; powers of 2. */
const REPORTS = 16_384, PLACES = 8;

/** All refusals that are counted. */
export const REFUSALS: readonly Refusal[] = ["denied", "client limit", "client rate"];

/** Bytes before the reports: the counts and the seed. */
const HEADER_BYTES = (REFUSALS.length + 1) * 8;

/** The memory of refused clients as one isolate uses it. */
export class RefusalMemory {
  readonly #counts: BigUint64Array;
  /** Secret, so that nobody can suppress the report of another client. */
  readonly #seed: number;
  /** Each the hash of a client and a reason (upper 32 bits), and when it was reported last. */
  readonly #reports: BigUint64Array;
  readonly #now: () => number;

  /** @param now Milliseconds since 1970, the only clock that all workers share. */
  constructor(readonly buffer: SharedArrayBuffer, now: () => number = Date.now) {
    this.#counts = new BigUint64Array(buffer, 0, REFUSALS.length);
    this.#seed = new Int32Array(buffer, REFUSALS.length * 8, 1)[0]!;
    this.#reports = new BigUint64Array(buffer, HEADER_BYTES, REPORTS);
    this.#now = now;
  }

  /** Counts a client that was refused. */
  count(reason: Refusal): void {
    Atomics.add(this.#counts, REFUSALS.indexOf(reason), 1n);
  }

  /** Clients that were refused so far. */
  counted(reason: Refusal): number {
    return Number(Atomics.load(this.#counts, REFUSALS.indexOf(reason)));
  }

  /**
   * Whether a refused client is to be reported now. Of several isolates that ask at the same time,
   * one gets `true`.
   *
   * @param client Text as in `Endpoint`. IPv6 addresses with the same first 64 bits are one client.
   */
  isDue(client: string, reason: Reason): boolean {
    const key = this.#hashOf(client, reason), now = Math.floor(this.#now() / 1000) >>> 0;
    const entry = BigInt(key) << 32n | BigInt(now);
    for (;;) {
      const { at, found, isSame } = this.#find(key);
      const ageS = now - Number(found & 0xffffffffn);
      if (isSame && ageS >= 0 && ageS < REPORT_EVERY_S) return false;
      if (Atomics.compareExchange(this.#reports, at, found, entry) === found) return true;
    }
  }

  /** 32 bits of a client and a reason. */
  #hashOf(client: string, reason: Reason): number {
    const number = REFUSALS.indexOf(reason as Refusal);
    return seededHash(this.#seed, clientKey(client), number) >>> 0;
  }

  /** The place of a client, or the oldest one that it may have. */
  #find(key: number): { at: number; found: bigint; isSame: boolean } {
    let at = 0, found = 0n, oldest = Infinity;
    for (let i = 0; i < PLACES; i++) {
      const place = (key + i) & (REPORTS - 1), one = Atomics.load(this.#reports, place);
      if (Number(one >> 32n) === key) return { at: place, found: one, isSame: one !== 0n };
      const time = Number(one & 0xffffffffn);
      if (time < oldest) [at, found, oldest] = [place, one, time];
    }
    return { at, found, isSame: false };
  }
}

/** Creates a memory. */
export function newRefusalMemory(): RefusalMemory {
  const buffer = new SharedArrayBuffer(HEADER_BYTES + REPORTS * 8);
  new Int32Array(buffer, REFUSALS.length * 8, 1)[0] = newSeed();
  return new RefusalMemory(buffer);
}
