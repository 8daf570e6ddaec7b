/**
 * Observes one connection for a dump: applies the filters and adds the time to every record. Runs
 * in the isolate that serves the connection.
 */

import { NO_BYTES } from "../base/bytes.ts";
import type { ConnectionInfo, ConnectionRoute } from "../base/connection_info.ts";
import type { Reason } from "../base/reason.ts";
import type { Ending, Side } from "../base/side.ts";
import type { Tap, TapMaker } from "../connection/observe.ts";
import type { ChunkMatcher } from "./match/chunk_match.ts";
import { type DumpFilter, snapChunk, wantsConnection } from "./filter.ts";
import type { DumpLeg, DumpSide } from "./formats/format.ts";
import { nowMicroseconds } from "./formats/times.ts";
import type { DumpRecord, TakeRecord } from "./record.ts";

/** Reasons that an `end` record or the event of the idle timeout has recorded already. */
// deno-fmt-ignore
const ALREADY_RECORDED: ReadonlySet<Reason> = new Set<Reason>([
  "client closed", "backend closed", "client reset", "backend reset", "idle limit",
]);

/**
 * Creates the taps of connections.
 *
 * @param filter Which connections, chunks and bytes to record.
 * @param take Where the records go.
 * @param options `side`: which legs the dump shows; `now` returns the time in microseconds since 1970.
 */
export function dumpTaps(
  filter: DumpFilter,
  take: TakeRecord,
  { side = "client", now = nowMicroseconds }: { side?: DumpSide; now?: () => number } = {},
): TapMaker {
  // The channel is checked when it is known.
  const { channel: _, ...early } = filter;
  return (info) =>
    wantsConnection(early, info) ? new RecordingTap(info, { filter, side, take, now }) : undefined;
}

class RecordingTap implements Tap {
  readonly #filter: DumpFilter;
  readonly #side: DumpSide;
  readonly #take: TakeRecord;
  readonly #now: () => number;
  readonly #matches: ChunkMatcher | undefined;
  /** What is known about the connection so far. */
  #connection: ConnectionRoute;
  /** Records that are kept until it is known whether the connection is wanted. */
  #held: DumpRecord[] | undefined;
  /** Bytes of the chunks without a match until then. */
  readonly #skipped: Record<Side, number> = { client: 0, backend: 0 };

  constructor(
    { id, client, peer, listener, state, ageMs, sent, rcvd }: ConnectionInfo,
    { filter, side, take, now }: {
      filter: DumpFilter;
      side: DumpSide;
      take: TakeRecord;
      now: () => number;
    },
  ) {
    this.#filter = filter;
    this.#side = side;
    this.#take = take;
    this.#now = now;
    this.#matches = filter.match?.();
    this.#connection = { id, client, peer, listener };
    if (filter.channel !== undefined || this.#matches !== undefined) this.#held = [];
    if (state === "dialing") this.#emit({ kind: "open", ...this.#at() });
    else {
      this.event(
        `dump started ${(ageMs / 1000).toFixed(3)} s after the connection, ` +
          `after ${sent} bytes from the client, ${rcvd} from the backend`,
      );
    }
  }

  event(text: string): void {
    const { connection, time } = this.#at();
    this.#emit({ kind: "event", connection, event: { text, time } });
  }

  connected({ group, channel, local, backend }: ConnectionInfo): boolean {
    // Another object: records that are not written yet keep what was known then.
    this.#connection = { ...this.#connection, group, channel, local, backend };
    if (!wantsConnection(this.#filter, this.#connection)) return false;
    this.#emit({ kind: "connected", ...this.#at() });
    if (this.#matches === undefined) this.#release();
    return true;
  }

  /** The filter decides once; only the number that records have changes. */
  moved({ group, channel }: ConnectionInfo): void {
    // The records before have the object with the former number.
    if (this.#connection.channel !== undefined) {
      this.#connection = { ...this.#connection, group, channel };
    }
  }

  chunk(side: Side, bytes: Uint8Array, leg?: DumpLeg): Promise<void> | undefined {
    if (leg !== undefined && this.#side !== "both" && this.#side !== leg) return undefined;
    const { connection, time } = this.#at();
    if (this.#matches?.(side, bytes) === false) {
      if (this.#held === undefined) this.#skip(side, bytes.length, leg);
      else if (leg === undefined) this.#skipped[side] += bytes.length;
      else this.#held.push(this.#skipRecord(side, bytes.length, leg));
      return undefined;
    }
    this.#release();
    const whole = leg === undefined
      ? { direction: side, bytes, time }
      : { direction: side, bytes, time, leg };
    const chunk = snapChunk(whole, this.#filter.bytes);
    return this.#take({ kind: "data", connection, chunk });
  }

  ended(direction: Side, how: Ending): void {
    const { connection, time } = this.#at();
    this.#emit({ kind: "end", connection, end: { direction, how, time } });
  }

  closed(reason: Reason): void {
    if (!ALREADY_RECORDED.has(reason)) this.event(reason);
    this.#emit({ kind: "close", ...this.#at() });
  }

  #at(): { connection: ConnectionRoute; time: number } {
    return { connection: this.#connection, time: this.#now() };
  }

  #emit(record: DumpRecord): void {
    if (this.#held !== undefined) this.#held.push(record);
    else void this.#take(record);
  }

  /** The connection is wanted: emits the records that were kept. */
  #release(): void {
    if (this.#held === undefined) return;
    const held = this.#held;
    this.#held = undefined;
    for (const record of held) void this.#take(record);
    for (const side of ["client", "backend"] as const) {
      if (this.#skipped[side] > 0) this.#skip(side, this.#skipped[side]);
    }
  }

  #skip(direction: Side, length: number, leg?: DumpLeg): void {
    void this.#take(this.#skipRecord(direction, length, leg));
  }

  #skipRecord(direction: Side, length: number, leg: DumpLeg | undefined): DumpRecord {
    const { connection, time } = this.#at();
    return { kind: "skip", connection, chunk: { direction, bytes: NO_BYTES, length, time, leg } };
  }
}
