/** Filters of a dump: which connections, which chunks, how many bytes of a chunk. Pure. */

import { type CidrRange, parseCidr } from "../address/cidr.ts";
import { parsePeerIp } from "../address/ip.ts";
import { channelText, type ConnectionRoute, parseChannelText } from "../base/connection_info.ts";
import { about, UsageError } from "../base/errors.ts";
import { strictInteger } from "../base/integers.ts";
import { type ChunkMatcher, parseMatch } from "./match/chunk_match.ts";
import type { DumpChunk } from "./formats/format.ts";

/** Filters as given to `--dump-client` and so on, or to `dump on`. */
export interface FilterOptions {
  /** An address or a range: `10.0.0.0/8`, `2001:db8::/32`, `::1`. */
  readonly client?: string | undefined;
  /** `GROUP.CHANNEL`. */
  readonly channel?: string | undefined;
  /** Number of the only connection. */
  readonly connection?: string | undefined;
  /** A regular expression over bytes. */
  readonly match?: string | undefined;
  /** How many bytes of each chunk are shown. */
  readonly bytes?: string | undefined;
}

/** Parsed filters. An absent one accepts everything. */
export interface DumpFilter {
  readonly client?: CidrRange;
  /** Whether to dump a channel, as {@link channelText} formats it. */
  readonly channel?: (channel: string) => boolean;
  readonly connection?: number;
  /** Creates the matcher of one connection. */
  readonly match?: () => ChunkMatcher;
  readonly bytes?: number;
}

/**
 * Parses filters.
 *
 * @throws {UsageError} If one of them is invalid; the message names it.
 */
export function parseDumpFilter(options: FilterOptions): DumpFilter {
  const { client, channel, connection, match, bytes } = options;
  return {
    ...(client === undefined ? {} : { client: about("client", () => parseCidr(client)) }),
    ...(channel === undefined
      ? {}
      : { channel: about("channel", () => parseChannelFilter(channel)) }),
    ...(connection === undefined ? {} : { connection: parseConnectionNumber(connection) }),
    ...(match === undefined ? {} : { match: about("match", () => parseMatch(match)) }),
    ...(bytes === undefined ? {} : { bytes: about("bytes", () => parseByteLimit(bytes)) }),
  };
}

/**
 * Whether to dump a connection, from what is known about it so far.
 *
 * @returns Also `false` if it depends on the channel and none is chosen yet.
 */
export function wantsConnection(filter: DumpFilter, connection: ConnectionRoute): boolean {
  if (filter.connection !== undefined && filter.connection !== connection.id) return false;
  if (filter.client !== undefined) {
    const ip = parsePeerIp(connection.client.address);
    if (ip === undefined || !filter.client(ip)) return false;
  }
  if (filter.channel === undefined) return true;
  const channel = channelText(connection);
  return channel !== undefined && filter.channel(channel);
}

/**
 * The first bytes of a chunk.
 *
 * @param limit How many bytes to keep; `undefined` keeps all.
 * @returns The same chunk if nothing is cut; otherwise `length` is the number of bytes before.
 */
export function snapChunk(chunk: DumpChunk, limit: number | undefined): DumpChunk {
  const { bytes, length = bytes.length } = chunk;
  if (limit === undefined || bytes.length <= limit) return chunk;
  return { ...chunk, bytes: bytes.subarray(0, limit), length };
}

/**
 * Parses a channel: `GROUP.CHANNEL`, both from 0.
 *
 * @throws {UsageError} If it is invalid.
 */
export function parseChannelFilter(text: string): (channel: string) => boolean {
  const found = parseChannelText(text);
  if (found === undefined) throw new UsageError(`invalid channel [${text}]: want GROUP.CHANNEL`);
  const wanted = channelText(found);
  return (channel) => channel === wanted;
}

/**
 * Parses the number of a connection, as `conns` shows it.
 *
 * @throws {UsageError} If it is invalid.
 */
export function parseConnectionNumber(text: string): number {
  const id = parseDigits(text, Number.MAX_SAFE_INTEGER);
  if (id === undefined || id < 1) throw new UsageError(`invalid connection [${text}]`);
  return id;
}

/**
 * Parses a number of bytes; with 0, chunks are recorded without their bytes.
 *
 * @throws {UsageError} If it is invalid.
 */
export function parseByteLimit(text: string): number {
  const value = parseDigits(text, 2 ** 31 - 1);
  if (value === undefined) throw new UsageError(`invalid number of bytes [${text}]`);
  return value;
}

function parseDigits(text: string, max: number): number | undefined {
  return /^\d+$/.test(text) ? strictInteger(text, { min: 0, max }) : undefined;
}
