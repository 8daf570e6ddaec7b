/** The memory of the limits per client: one entry per client, shared by all isolates. */

import { type ClientKey, clientKey, seededHash } from "./client_key.ts";

/** What other isolates need to use the same limits. A plain record. */
export interface LimitsHandle {
  /** How many isolates use it. */
  readonly workers: number;
  /** How many clients it can remember. */
  readonly entries: number;
  readonly buffer: SharedArrayBuffer;
}

/** Words of the header. `LAST`: the highest entry that was ever used. */
// deno-fmt-ignore
export const HEADER = {
  LOCK: 0, PER_CLIENT: 1, ACCEPT_RATE: 2, CLIENT_RATE: 3, SEED: 4, LAST: 5, FREE: 6, HAND: 7,
} as const;

/**
 * Times of the header, in milliseconds. `ORIGIN` since 1970, the others since then. `ALL`: when the
 * bucket of all clients is full; `FULL`: when it was full last.
 */
export const TIME = { ORIGIN: 0, NOW: 1, ALL: 2, FULL: 3 } as const;

const HEADER_WORDS = 8, HEADER_TIMES = 4, WORD = 4, DOUBLE = 8;
/** Words of an entry, before those that count the connections of each worker. */
const FAMILY = 0, HIGH = 1, LOW = 2, NEXT = 3, ENTRY_WORDS = 4;
/** Stands for no entry. Entries are numbered from 1. */
const NONE = 0;
/** How many entries a new client looks at for one that it can reuse before it takes a fresh one. */
const LOOKS = 4;

/** The entries as one isolate sees them. Every method needs the lock. */
export class LimitsMemory {
  readonly words: Int32Array;
  readonly times: Float64Array;
  readonly #workers: number;
  readonly #entries: number;
  readonly #mask: number;
  readonly #headsAt: number;
  readonly #entriesAt: number;
  readonly #entryWords: number;

  constructor({ workers, entries, buffer }: LimitsHandle) {
    this.#workers = workers;
    this.#entries = entries;
    const heads = headCount(entries), doubles = HEADER_TIMES + entries + 1;
    this.times = new Float64Array(buffer, 0, doubles);
    this.words = new Int32Array(buffer, doubles * DOUBLE);
    this.#mask = heads - 1;
    this.#headsAt = HEADER_WORDS;
    this.#entryWords = ENTRY_WORDS + workers;
    this.#entriesAt = HEADER_WORDS + heads - this.#entryWords;
  }

  /** The entry of a client; `undefined` if there is none. */
  find(client: string): number | undefined {
    const key = clientKey(client);
    const entry = this.#search(this.#head(key), key);
    return entry === NONE ? undefined : entry;
  }

  /** The entry of a client, an empty one if it had none; `undefined` if all are in use. */
  take(client: string, now: number): number | undefined {
    const key = clientKey(client), head = this.#head(key);
    const found = this.#search(head, key);
    if (found !== NONE) return found;
    const entry = this.#vacant(now), { words } = this;
    if (entry === NONE) return undefined;
    const at = this.#at(entry);
    words[at + FAMILY] = key.family;
    words[at + HIGH] = key.high;
    words[at + LOW] = key.low;
    words[at + NEXT] = words[head]!;
    words[head] = entry;
    return entry;
  }

  /** Open connections of an entry. */
  count(entry: number): number {
    const at = this.#at(entry) + ENTRY_WORDS;
    let sum = 0;
    for (let worker = 0; worker < this.#workers; worker++) sum += this.words[at + worker]!;
    return sum;
  }

  /** Adds to the connections of an entry that a worker holds, which do not fall below 0. */
  add(entry: number, worker: number, change: 1 | -1): void {
    const at = this.#at(entry) + ENTRY_WORDS + worker;
    this.words[at] = Math.max(0, this.words[at]! + change);
  }

  /** When the token bucket of an entry is full. */
  fullAt(entry: number): number {
    return this.times[HEADER_TIMES + entry]!;
  }

  /** Sets {@link fullAt}. */
  setFullAt(entry: number, time: number): void {
    this.times[HEADER_TIMES + entry] = time;
  }

  /** Frees an entry if nothing would be lost: no connection is open, and its bucket is full. */
  freeIfUnused(entry: number, now: number): void {
    if (!this.#isUnused(entry, now)) return;
    this.#unlink(entry);
    this.words[this.#at(entry) + NEXT] = this.words[HEADER.FREE]!;
    this.words[HEADER.FREE] = entry;
  }

  /** Gives back what a worker that died held. */
  releaseWorker(worker: number, now: number): void {
    const last = this.words[HEADER.LAST]!;
    for (let entry = 1; entry <= last; entry++) {
      const at = this.#at(entry);
      if (this.words[at + FAMILY] === 0) continue;
      if (this.words[at + ENTRY_WORDS + worker] === 0) continue;
      this.words[at + ENTRY_WORDS + worker] = 0;
      this.freeIfUnused(entry, now);
    }
  }

  /** Takes an entry that is free or can be reused. */
  #vacant(now: number): number {
    const { words } = this, free = words[HEADER.FREE]!;
    if (free !== NONE) {
      words[HEADER.FREE] = words[this.#at(free) + NEXT]!;
      return free;
    }
    const last = words[HEADER.LAST]!;
    const reused = this.#sweep(Math.min(LOOKS, last), (entry) => this.#isUnused(entry, now));
    if (reused !== NONE) return reused;
    if (last < this.#entries) return words[HEADER.LAST] = last + 1;
    // Rather forget how fast a client connected than how many connections one has.
    return this.#sweep(last, (entry) => this.count(entry) === 0);
  }

  /** Goes through the entries in a circle, and takes the first one that may be reused. */
  #sweep(looks: number, mayReuse: (entry: number) => boolean): number {
    const { words } = this, last = words[HEADER.LAST]!;
    for (let i = 0; i < looks; i++) {
      const entry = words[HEADER.HAND] = words[HEADER.HAND]! % last + 1;
      if (!mayReuse(entry)) continue;
      this.#unlink(entry);
      this.setFullAt(entry, 0);
      return entry;
    }
    return NONE;
  }

  #isUnused(entry: number, now: number): boolean {
    return this.fullAt(entry) <= now && this.count(entry) === 0;
  }

  #unlink(entry: number): void {
    const { words } = this, at = this.#at(entry);
    const family = words[at + FAMILY] === 6 ? 6 : 4;
    let link = this.#head({ family, high: words[at + HIGH]!, low: words[at + LOW]! });
    while (words[link] !== entry && words[link] !== NONE) link = this.#at(words[link]!) + NEXT;
    if (words[link] === entry) words[link] = words[at + NEXT]!;
    words[at + FAMILY] = 0;
  }

  #search(head: number, { family, high, low }: ClientKey): number {
    const { words } = this;
    for (let entry = words[head]!; entry !== NONE;) {
      const at = this.#at(entry);
      const isSame = words[at + LOW] === low && words[at + HIGH] === high &&
        words[at + FAMILY] === family;
      if (isSame) return entry;
      entry = words[at + NEXT]!;
    }
    return NONE;
  }

  /** The word with the first entry of those that have the same hash. */
  #head(key: ClientKey): number {
    return this.#headsAt + (seededHash(this.words[HEADER.SEED]!, key) & this.#mask);
  }

  #at(entry: number): number {
    return this.#entriesAt + entry * this.#entryWords;
  }
}

/** Bytes of memory for these entries. The system provides only those that are used. */
export function limitsBytes(workers: number, entries: number): number {
  const words = HEADER_WORDS + headCount(entries) + entries * (ENTRY_WORDS + workers);
  return (HEADER_TIMES + entries + 1) * DOUBLE + words * WORD;
}

/** The power of two that is at least the number of entries. */
function headCount(entries: number): number {
  return 2 ** Math.ceil(Math.log2(entries));
}
