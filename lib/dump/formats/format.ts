/**
 * The interface of a dump format. No I/O: every method returns the bytes to append to the dump,
 * often none.
 *
 * Calls for one connection come in this order: `open`, any number of `event`, `connected` when a
 * backend has answered, `data` and `end` for each direction, `close`. A format must also accept a
 * connection without `open`: a dump may start at run time, and a filter may decide late.
 *
 * Times are whole microseconds since 1970-01-01 UTC, as a number (exact until the year 2255).
 */

import type { ConnectionRoute } from "../../base/connection_info.ts";
import type { Ending, Side } from "../../base/side.ts";

/** The names of the formats, as `--dump-format` takes them. */
export const DUMP_FORMATS = ["text", "hex", "json", "pcapng"] as const;

/** One of {@link DUMP_FORMATS}. */
export type DumpFormatName = typeof DUMP_FORMATS[number];

/** One of the two TCP connections of a relay: client to balance, or balance to backend. */
export type DumpLeg = "client" | "server";

/** Which legs a dump shows, as `--dump-side` takes it. */
export const DUMP_SIDES = ["client", "server", "both"] as const;

/** One of {@link DUMP_SIDES}. */
export type DumpSide = typeof DUMP_SIDES[number];

/** Bytes of one read. */
export interface DumpChunk {
  /** Which side sent them. */
  readonly direction: Side;
  /** All bytes, or the first ones (`--dump-bytes`). The format does not keep them. */
  readonly bytes: Uint8Array;
  /** How many bytes were read. @default {bytes.length} */
  readonly length?: number | undefined;
  readonly time: number;
  /** The only leg with these bytes. @default both */
  readonly leg?: DumpLeg | undefined;
}

/** Something else that happened: a failed dial, the idle timeout, closed by control. */
export interface DumpEvent {
  readonly text: string;
  readonly time: number;
}

/** The end of one direction. */
export interface DumpEnd {
  /** The side that sends nothing more. */
  readonly direction: Side;
  /** `"end"`: orderly (FIN); `"reset"`: the whole connection was reset (RST). */
  readonly how: Ending;
  readonly time: number;
  /** The only leg that ended like this. @default both */
  readonly leg?: DumpLeg | undefined;
}

/** Encodes what happens to connections; one object for each file or stream. */
export interface DumpFormat {
  /**
   * The header of a file, also after a rotation. Open connections are introduced again with their
   * next record.
   */
  start(time: number): Uint8Array;
  /** A client was accepted. */
  open(connection: ConnectionRoute, time: number): Uint8Array;
  /** A backend answered: `group`, `channel` and `backend` are known now. */
  connected(connection: ConnectionRoute, time: number): Uint8Array;
  /** Bytes were read. */
  data(connection: ConnectionRoute, chunk: DumpChunk): Uint8Array;
  /** Bytes were read that are not in the dump: filtered out, or dropped. */
  skip(connection: ConnectionRoute, chunk: DumpChunk): void;
  /** Something else happened. */
  event(connection: ConnectionRoute, event: DumpEvent): Uint8Array;
  /** A direction ended. */
  end(connection: ConnectionRoute, end: DumpEnd): Uint8Array;
  /** Both sockets are closed; the format forgets the connection. */
  close(connection: ConnectionRoute, time: number): Uint8Array;
  /** How many chunks were dropped since the dump started. */
  lost(chunks: number, time: number): Uint8Array;
}
