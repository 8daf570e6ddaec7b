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

import type { Ending, Side } from "../../base/side.ts";

/** The names of the formats, as `--dump-format` takes them. */
export const DUMP_FORMATS = ["text", "hex", "json", "pcapng"] as const;

/** One of {@link DUMP_FORMATS}. */
export type DumpFormatName = typeof DUMP_FORMATS[number];

/** Who sent the bytes. */
export type Direction = Side;

/** A pair of sockets: client and balance, or balance and backend. */
export type DumpSide = "client" | "server";

/** What `--dump-side` takes. */
export const DUMP_SIDES = ["client", "server", "both"] as const;

/** One of {@link DUMP_SIDES}. */
export type DumpSides = typeof DUMP_SIDES[number];

/** One end of a TCP connection. */
export interface DumpEndpoint {
  /** IPv4 or IPv6 address as canonical text, without brackets and scope. */
  readonly address: string;
  /** 0 to 65535. */
  readonly port: number;
}

/**
 * One client's connection. The same `id` is the same connection; what is not known yet is absent
 * and may be filled in on the same object, before `connected`.
 */
export interface DumpConnection {
  /** Unique while the program runs, a whole number from 1. */
  readonly id: number;
  readonly client: DumpEndpoint;
  /** The address the client connected to, not the wildcard. */
  readonly listener: DumpEndpoint;
  readonly group?: number | undefined;
  readonly channel?: number | undefined;
  /** Balance's own end of the connection to the backend; absent until a channel answered. */
  readonly local?: DumpEndpoint | undefined;
  /** The channel's address; absent until it answered. */
  readonly backend?: DumpEndpoint | undefined;
}

/** Bytes that were read at once. */
export interface DumpChunk {
  readonly direction: Direction;
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
  readonly direction: Direction;
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
  open(connection: DumpConnection, time: number): Uint8Array;
  /** A channel answered: `group`, `channel` and `backend` are known now. */
  connected(connection: DumpConnection, time: number): Uint8Array;
  /** Bytes went by. */
  data(connection: DumpConnection, chunk: DumpChunk): Uint8Array;
  /** Bytes went by that are not in the dump: filtered out, or dropped since the reader is slow. */
  skip(connection: DumpConnection, chunk: DumpChunk): void;
  /** Something else happened. */
  event(connection: DumpConnection, event: DumpEvent): Uint8Array;
  /** A direction ended. */
  end(connection: DumpConnection, end: DumpEnd): Uint8Array;
  /** Both sockets are closed; the format forgets the connection. */
  close(connection: DumpConnection, time: number): Uint8Array;
  /**
   * Tells how much was dropped since the dump began.
   *
   * @param chunks Number of chunks, only growing.
   */
  lost(chunks: number, time: number): Uint8Array;
}

/** What a method returns when there is nothing to append. */
export const NOTHING = new Uint8Array(0);

/**
 * Joins pieces of output.
 *
 * @param pieces In order; a single one is returned as it is.
 */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length <= 1) return pieces[0] ?? NOTHING;
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/**
 * The channel of a connection as people write it.
 *
 * @returns `G.N`, for example `0.1`; `undefined` while none is chosen.
 */
export function channelText(connection: DumpConnection): string | undefined {
  const { group, channel } = connection;
  return group === undefined || channel === undefined ? undefined : `${group}.${channel}`;
}
