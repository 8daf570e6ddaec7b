/** The memory of the wait line: a list of places, shared by all workers. */

import type { Entry } from "../schedule/claim.ts";
import type { ClientKey } from "../schedule/client_key.ts";

/** How many clients may wait. */
export interface LineHandle {
  readonly max: number;
  readonly buffer: SharedArrayBuffer;
}

/** A waiting client. A plain record. */
export interface Waiter extends ClientKey {
  /** The number of the connection: the lowest one comes first. */
  readonly id: number;
  readonly worker: number;
}

// deno-fmt-ignore
const LENGTH = 0, HEAD = 1, TAIL = 2, FREE = 3, HEADER_WORDS = 4,
  ID = 0, WORKER = 1, NEXT = 2, BEFORE = 3, HASH = 4, HIGH = 5, LOW = 6, GRANTED = 7,
  ACCOUNT = 8, GENERATION = 9, PROBE = 10, PLACE_WORDS = 11;
/** Stands for no place. Places are numbered from 1. */
const NONE = 0;

/**
 * The places of the wait line, in the order of their connections. Changes happen with the lock of
 * the table held.
 */
export class LineMemory {
  readonly #words: Int32Array;
  readonly #max: number;
  readonly #places: number;

  constructor({ max, buffer }: LineHandle) {
    this.#words = new Int32Array(buffer);
    this.#max = max;
    this.#places = placesOf(max);
  }

  /** How many clients wait; may be read without the lock. */
  get length(): number {
    return Atomics.load(this.#words, LENGTH);
  }

  /** Whether no other client may join; may be read without the lock. */
  get isFull(): boolean {
    return this.length >= this.#max;
  }

  /**
   * Takes a place.
   *
   * @param again The client has waited before, so a full line does not refuse it.
   * @returns `undefined` if the line is full.
   */
  take({ id, worker, hash, key }: Waiter, again = false): number | undefined {
    const place = this.isFull && !again ? undefined : this.#free();
    if (place === undefined) return undefined;
    const at = this.#at(place);
    this.#words[at + ID] = id;
    this.#words[at + WORKER] = worker;
    this.#words[at + HASH] = hash;
    this.#words[at + HIGH] = key.high;
    this.#words[at + LOW] = key.low;
    this.#words[at + GRANTED] = 0;
    this.#insert(place);
    return place;
  }

  /** Removes a waiter from the line. Its place stays taken until {@link giveBack}. */
  remove(place: number): void {
    const at = this.#at(place), next = this.#words[at + NEXT]!, before = this.#words[at + BEFORE]!;
    if (before === NONE) this.#words[HEAD] = next;
    else this.#words[this.#at(before) + NEXT] = next;
    if (next === NONE) this.#words[TAIL] = before;
    else this.#words[this.#at(next) + BEFORE] = before;
    Atomics.sub(this.#words, LENGTH, 1);
  }

  /** Makes a place free, after its waiter was removed. */
  giveBack(place: number): void {
    const at = this.#at(place);
    this.#words[at + GRANTED] = 0;
    this.#words[at + NEXT] = this.#words[FREE]!;
    this.#words[FREE] = place;
  }

  /** The places of waiting clients, in order. The current one may be removed. */
  *waiting(): Generator<number> {
    for (let place = this.#words[HEAD]!; place !== NONE;) {
      const next = this.#words[this.#at(place) + NEXT]!;
      yield place;
      place = next;
    }
  }

  /** The client that has a place. */
  waiter(place: number): Waiter {
    const at = this.#at(place);
    return {
      id: this.#words[at + ID]!,
      worker: this.#words[at + WORKER]!,
      hash: this.#words[at + HASH]! >>> 0,
      key: { high: this.#words[at + HIGH]!, low: this.#words[at + LOW]! },
    };
  }

  /** Gives a waiter its channel, and removes it from the line. */
  grant(place: number, { account, generation, isProbe }: Entry): void {
    this.remove(place);
    const at = this.#at(place);
    this.#words[at + ACCOUNT] = account;
    this.#words[at + GENERATION] = generation;
    this.#words[at + PROBE] = isProbe ? 1 : 0;
    Atomics.store(this.#words, at + GRANTED, 1);
  }

  /** What a waiter got; `undefined` while it waits. May be read without the lock. */
  granted(place: number): Entry | undefined {
    const at = this.#at(place);
    if (Atomics.load(this.#words, at + GRANTED) === 0) return undefined;
    return {
      account: this.#words[at + ACCOUNT]!,
      generation: this.#words[at + GENERATION]!,
      isProbe: this.#words[at + PROBE] === 1,
    };
  }

  /** Frees all places of a worker that died. */
  releaseWorker(worker: number): void {
    for (const place of this.waiting()) {
      if (this.#words[this.#at(place) + WORKER] !== worker) continue;
      this.remove(place);
      this.giveBack(place);
    }
    for (let place = 1; place <= this.#places; place++) {
      const at = this.#at(place);
      const isLost = this.#words[at + GRANTED] === 1 && this.#words[at + WORKER] === worker;
      if (isLost) this.giveBack(place);
    }
  }

  /** Takes a place from the list of free ones. */
  #free(): number | undefined {
    const place = this.#words[FREE]!;
    if (place === NONE) return undefined;
    this.#words[FREE] = this.#words[this.#at(place) + NEXT]!;
    return place;
  }

  /** Inserts a place before those with higher numbers; usually that is the end. */
  #insert(place: number): void {
    const id = this.#words[this.#at(place) + ID]!;
    let before = this.#words[TAIL]!;
    // Numbers wrap around after 2^32 connections.
    while (before !== NONE && ((this.#words[this.#at(before) + ID]! - id) | 0) > 0) {
      before = this.#words[this.#at(before) + BEFORE]!;
    }
    const next = before === NONE ? this.#words[HEAD]! : this.#words[this.#at(before) + NEXT]!;
    this.#words[this.#at(place) + BEFORE] = before;
    this.#words[this.#at(place) + NEXT] = next;
    if (before === NONE) this.#words[HEAD] = place;
    else this.#words[this.#at(before) + NEXT] = place;
    if (next === NONE) this.#words[TAIL] = place;
    else this.#words[this.#at(next) + BEFORE] = place;
    Atomics.add(this.#words, LENGTH, 1);
  }

  #at(place: number): number {
    return HEADER_WORDS + (place - 1) * PLACE_WORDS;
  }
}

/** Creates an empty line. @param max How many clients may wait, at least 1. */
export function newLine(max: number): LineHandle {
  const places = placesOf(max);
  const buffer = new SharedArrayBuffer((HEADER_WORDS + places * PLACE_WORDS) * 4);
  const words = new Int32Array(buffer);
  for (let place = 1; place <= places; place++) {
    words[HEADER_WORDS + (place - 1) * PLACE_WORDS + NEXT] = place < places ? place + 1 : NONE;
  }
  words[FREE] = 1;
  return { max, buffer };
}

/** A client that was granted a channel keeps its place until its worker has noticed. */
function placesOf(max: number): number {
  return 2 * max;
}
