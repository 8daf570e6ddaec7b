/**
 * Looks at one connection for a dump: decides by the filters what is recorded, and gives every
 * record its time. It runs where the connection is served.
 */

import type { Ending, Side } from "../base/side.ts";
import { type ChunkMatcher, type DumpFilter, snapChunk, wantsConnection } from "./filter.ts";
import { type DumpConnection, NOTHING } from "./formats/format.ts";
import type { DumpRecord, TakeRecord } from "./record.ts";
import { nowMicroseconds } from "./formats/times.ts";

/** A connection as the one who serves it knows it. */
export interface DumpSubject extends DumpConnection {
  /** `"dialing"` while no channel has answered: what is known of one is a guess then. */
  readonly state: string;
  /** Milliseconds since it was accepted. */
  readonly ageMs: number;
  /** Bytes from the client so far. */
  readonly sent: number;
  /** Bytes from the backend so far. */
  readonly rcvd: number;
}

/** Told what happens to one connection. */
export interface DumpTap {
  /** Something that is no byte. */
  event(text: string): void;
  /** A channel answered. */
  connected(subject: DumpSubject): void;
  /** A chunk before it is passed on; a promise holds it back. */
  chunk(side: Side, bytes: Uint8Array): Promise<void> | undefined;
  /** The input from one side has ended. */
  ended(side: Side, how: Ending): void;
  /** Both sides are closed. */
  closed(reason: string): void;
}

/** Ends that the records of both directions, or an event, tell already. */
const TOLD = /^(client|backend) (closed|reset)$|^idle limit$/;

/**
 * Makes the taps of connections.
 *
 * @param filter What is wanted.
 * @param take Where records go.
 * @param options `now` gives the time in microseconds since 1970.
 * @returns Gives the tap of a connection, `undefined` if it is not wanted.
 */
export function dumpTaps(
  filter: DumpFilter,
  take: TakeRecord,
  options: { now?: () => number } = {},
): (subject: DumpSubject) => DumpTap | undefined {
  const { now = nowMicroseconds } = options;
  // The channel is asked for when it is known.
  const { channel: _, ...early } = filter;
  return (subject) =>
    wantsConnection(early, subject) ? new Tap(subject, { filter, take, now }) : undefined;
}

/** What is known of a connection until now. */
type Known = { -readonly [Key in keyof DumpConnection]: DumpConnection[Key] };

class Tap implements DumpTap {
  readonly #filter: DumpFilter;
  readonly #take: TakeRecord;
  readonly #now: () => number;
  readonly #matches: ChunkMatcher | undefined;
  readonly #connection: Known;
  /** Records that wait until it is known that the connection is wanted. */
  #held: DumpRecord[] | undefined;
  /** Bytes that went by meanwhile. */
  readonly #passed: Record<Side, number> = { client: 0, backend: 0 };
  #unwanted = false;

  constructor(
    subject: DumpSubject,
    options: { filter: DumpFilter; take: TakeRecord; now: () => number },
  ) {
    const { id, client, listener, state, ageMs, sent, rcvd } = subject;
    this.#filter = options.filter;
    this.#take = options.take;
    this.#now = options.now;
    this.#matches = options.filter.match?.();
    this.#connection = { id, client, listener };
    if (this.#filter.channel !== undefined || this.#matches !== undefined) this.#held = [];
    if (state === "dialing") this.#emit({ kind: "open", ...this.#at() });
    else {
      this.event(
        `dump begins ${(ageMs / 1000).toFixed(3)} s after the connection, ` +
          `after ${sent} bytes from the client, ${rcvd} from the backend`,
      );
    }
  }

  event(text: string): void {
    const { connection, time } = this.#at();
    this.#emit({ kind: "event", connection, event: { text, time } });
  }

  connected({ group, channel, local, backend }: DumpSubject): void {
    Object.assign(this.#connection, { group, channel, local, backend });
    if (!wantsConnection(this.#filter, this.#connection)) {
      this.#unwanted = true;
      this.#held = undefined;
      return;
    }
    this.#emit({ kind: "connected", ...this.#at() });
    if (this.#matches === undefined) this.#release();
  }

  chunk(side: Side, bytes: Uint8Array): Promise<void> | undefined {
    if (this.#unwanted) return undefined;
    const { connection, time } = this.#at();
    if (this.#matches?.(side, bytes) === false) {
      if (this.#held !== undefined) this.#passed[side] += bytes.length;
      else this.#skip(side, bytes.length);
      return undefined;
    }
    this.#release();
    const chunk = snapChunk({ direction: side, bytes, time }, this.#filter.bytes);
    return this.#take({ kind: "data", connection, chunk });
  }

  ended(direction: Side, how: Ending): void {
    const { connection, time } = this.#at();
    this.#emit({ kind: "end", connection, end: { direction, how, time } });
  }

  closed(reason: string): void {
    if (!TOLD.test(reason)) this.event(reason);
    this.#emit({ kind: "close", ...this.#at() });
  }

  #at(): { connection: DumpConnection; time: number } {
    return { connection: this.#connection, time: this.#now() };
  }

  #emit(record: DumpRecord): void {
    if (this.#held !== undefined) this.#held.push(record);
    else if (!this.#unwanted) void this.#take(record);
  }

  /** The connection is wanted: tells what was held back. */
  #release(): void {
    if (this.#held === undefined) return;
    const held = this.#held;
    this.#held = undefined;
    for (const record of held) void this.#take(record);
    for (const side of ["client", "backend"] as const) {
      if (this.#passed[side] > 0) this.#skip(side, this.#passed[side]);
    }
  }

  #skip(direction: Side, length: number): void {
    const { connection, time } = this.#at();
    const chunk = { direction, bytes: NOTHING, length, time };
    void this.#take({ kind: "skip", connection, chunk });
  }
}
