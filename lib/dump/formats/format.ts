/**
 * What a dump format has to offer. No input or output here: every method returns the bytes to
 * append to the dump, often none.
 *
 * The life of a connection in a dump: `open`, any number of `event`, `connected` when a channel
 * answers, `data` and `end` for each direction, `close`. A format must cope with a connection it
 * hears of late (a dump switched on at run time, a filter that decides when the channel is known):
 * then `connected`, `data`, `event` or `end` come without `open`.
 *
 * Times are whole microseconds since 1970-01-01 UTC, as a number (exact until the year 2255).
 */

import type { ConnectionRoute } from "../../base/connection_info.ts";
import type { Ending, Side } from "../../base/side.ts";

/** The names of the formats, as `--dump-format` takes them. */
export const DUMP_FORMATS = ["text", "hex", "json", "pcapng"] as const;

/** One of {@link DUMP_FORMATS}. */
export type DumpFormatName = typeof DUMP_FORMATS[number];

/** A pair of sockets: client and balance, or balance and backend. */
export type DumpSide = "client" | "server";

/** What `--dump-side` takes. */
export const DUMP_SIDES = ["client", "server", "both"] as const;

/** One of {@link DUMP_SIDES}. */
export type DumpSides = typeof DUMP_SIDES[number];

/** Bytes that were read at once. */
export interface DumpChunk {
  readonly direction: Side;
  /** What is shown: all of it, or the first part (`--dump-bytes`). Not kept by the format. */
  readonly bytes: Uint8Array;
  /** How many bytes there really were. @default {bytes.length} */
  readonly length?: number | undefined;
  /** Microseconds since 1970. */
  readonly time: number;
  /** The only pair of sockets that saw these bytes (a PROXY header). @default both */
  readonly side?: DumpSide | undefined;
}

/** Something to know about a connection: failover tried, idle limit, closed by control. */
export interface DumpEvent {
  readonly text: string;
  /** Microseconds since 1970. */
  readonly time: number;
}

/** A direction that ended. */
export interface DumpEnd {
  /** Who will send nothing more. */
  readonly direction: Side;
  /** `"end"`: an orderly end (FIN); `"reset"`: the whole connection was torn down (RST). */
  readonly how: Ending;
  /** Microseconds since 1970. */
  readonly time: number;
  /** The only pair of sockets where it ended like this. @default both */
  readonly side?: DumpSide | undefined;
}

/** Encodes what happens to connections; one object for each file or stream. */
export interface DumpFormat {
  readonly name: DumpFormatName;
  /**
   * The beginning of a file, also after each rotation: connections that are open then are
   * introduced again as soon as something happens to them.
   */
  start(time: number): Uint8Array;
  /** A client was accepted. */
  open(connection: ConnectionRoute, time: number): Uint8Array;
  /** A channel answered: `group`, `channel` and `backend` are known now. */
  connected(connection: ConnectionRoute, time: number): Uint8Array;
  /** Bytes went by. */
  data(connection: ConnectionRoute, chunk: DumpChunk): Uint8Array;
  /** Bytes went by that are not in the dump: filtered out, or dropped since the reader is slow. */
  skip(connection: ConnectionRoute, chunk: DumpChunk): void;
  /** Something else happened. */
  event(connection: ConnectionRoute, event: DumpEvent): Uint8Array;
  /** A direction ended. */
  end(connection: ConnectionRoute, end: DumpEnd): Uint8Array;
  /** Both sockets are closed; the format forgets the connection. */
  close(connection: ConnectionRoute, time: number): Uint8Array;
  /**
   * Tells how much was dropped since the dump began.
   *
   * @param chunks Number of chunks, only growing.
   */
  lost(chunks: number, time: number): Uint8Array;
}
