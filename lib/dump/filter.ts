/** Filters of a dump: which connections, which chunks, how much of a chunk. Pure. */

import type { Side } from "../base/side.ts";
import { channelText, type ConnectionRoute } from "../base/connection_info.ts";
import { parseIp, parseIpv6 } from "../address/ip.ts";
import { strictInteger } from "../base/integers.ts";
import { messageOf, UsageError } from "../base/errors.ts";
import { type DumpChunk } from "./formats/format.ts";

/** What `--dump-client`, `--dump-channel`, `--dump-match`, `--dump-bytes` and `dump on` were given. */
export interface FilterOptions {
  /** An address or a range: `10.0.0.0/8`, `2001:db8::/32`, `::1`. */
  readonly client?: string | undefined;
  /** `GROUP.CHANNEL`. */
  readonly channel?: string | undefined;
  /** Number of the only connection. */
  readonly connection?: string | undefined;
  /** A regular expression over bytes. */
  readonly match?: string | undefined;
  /** First bytes of each chunk that are shown. */
  readonly bytes?: string | undefined;
}

/** Decides for each chunk of one connection, in order, whether it is shown. */
export type ChunkMatcher = (direction: Side, bytes: Uint8Array) => boolean;

/** Filters that were read; an absent one lets everything pass and costs nothing. */
export interface DumpFilter {
  /** Whether a client's address is wanted. */
  readonly client?: (address: string) => boolean;
  /** Whether a channel, as {@link channelText} gives it, is wanted. */
  readonly channel?: (channel: string) => boolean;
  /** The only connection that is wanted. */
  readonly connection?: number;
  /** Makes the matcher of one connection. */
  readonly match?: () => ChunkMatcher;
  /** First bytes of each chunk that are shown. */
  readonly bytes?: number;
}

/** A match over two chunks may reach this many bytes into either of them. */
const MATCH_REACH = 1024;
/** Arguments that `String.fromCharCode` takes at once without trouble. */
const CHARS_AT_ONCE = 4096;
const MAX_BYTES = 2 ** 31 - 1;

/**
 * Reads the filters.
 *
 * @param options Texts as given on the command line or to `dump on`.
 * @throws {UsageError} If one of them means nothing; the message names it.
 */
export function parseDumpFilter(options: FilterOptions): DumpFilter {
  const { client, channel, connection, match, bytes } = options;
  return {
    ...(client === undefined ? {} : { client: parseClientRange(client) }),
    ...(channel === undefined ? {} : { channel: parseChannelFilter(channel) }),
    ...(connection === undefined ? {} : { connection: parseConnectionNumber(connection) }),
    ...(match === undefined ? {} : { match: parseMatch(match) }),
    ...(bytes === undefined ? {} : { bytes: parseByteLimit(bytes) }),
  };
}

/**
 * Whether a connection is wanted, as far as is known about it.
 *
 * @returns `false` also while the channel is not known and matters: ask again when it is.
 */
export function wantsConnection(filter: DumpFilter, connection: ConnectionRoute): boolean {
  if (filter.connection !== undefined && filter.connection !== connection.id) return false;
  if (filter.client !== undefined && !filter.client(connection.client.address)) return false;
  if (filter.channel === undefined) return true;
  const channel = channelText(connection);
  return channel !== undefined && filter.channel(channel);
}

/**
 * The chunk with its first bytes only.
 *
 * @param limit Bytes to keep, 0 or more; `undefined` keeps all.
 * @returns The same chunk if nothing is cut; `length` keeps the real length otherwise.
 */
export function snapChunk(chunk: DumpChunk, limit: number | undefined): DumpChunk {
  const { bytes, length = bytes.length } = chunk;
  if (limit === undefined || bytes.length <= limit) return chunk;
  return { ...chunk, bytes: bytes.subarray(0, limit), length };
}

/**
 * Reads an address or a range of addresses (CIDR, RFC 4632, RFC 4291 section 2.3).
 *
 * Bits behind the prefix are ignored. An IPv4-mapped IPv6 range means IPv4 clients.
 *
 * @param text For example `10.0.0.0/8`, `192.168.1.7`, `2001:db8::/32`, `::/0`.
 * @returns Whether an address is in it; an IPv6 range holds no IPv4 address.
 * @throws {UsageError} If it is none.
 */
export function parseClientRange(text: string): (address: string) => boolean {
  const bad = (reason: string) => new UsageError(`invalid range of clients [${text}]: ${reason}`);
  const [host = "", prefix, more] = text.split("/");
  if (more !== undefined) throw bad("more than one slash");
  // Short and octal notations are for host arguments: 10/8 would be 0.0.0.10/8.
  const isV6 = host.includes(":");
  if (!isV6 && !/^(?:(?:0|[1-9]\d*)\.){3}(?:0|[1-9]\d*)$/.test(host)) {
    throw bad("want ADDRESS or ADDRESS/BITS");
  }
  const size = isV6 ? 128 : 32;
  const bits = prefix === undefined ? size : parseDigits(prefix, size);
  if (bits === undefined) throw bad(`bits must be 0 to ${size}`);
  const short = parseIp(host);
  const long = isV6 ? parseIpv6(host) : short;
  if (short === undefined || long === undefined) throw bad("no such address");
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8.
  const isMapped = short.length < long.length && bits >= 96;
  const range = isMapped ? short : long;
  const length = isMapped ? bits - 96 : bits;
  return (address) => {
    const bytes = parseIp(address);
    return bytes !== undefined && bytes.length === range.length && samePrefix(bytes, range, length);
  };
}

/**
 * Reads the name of a channel.
 *
 * @param text `GROUP.CHANNEL`, both from 0.
 * @throws {UsageError} If it is none.
 */
export function parseChannelFilter(text: string): (channel: string) => boolean {
  const parts = /^(\d{1,6})\.(\d{1,6})$/.exec(text);
  if (parts === null) throw new UsageError(`invalid channel [${text}]: want GROUP.CHANNEL`);
  const wanted = `${Number(parts[1])}.${Number(parts[2])}`;
  return (channel) => channel === wanted;
}

/**
 * Reads a regular expression (ECMAScript) over bytes: `\xff` is the byte 255, `.` is any byte, `^`
 * and `$` are the beginning and end of a chunk or of a line in it. A character beyond ASCII stands
 * for its bytes in UTF-8, outside of `[...]`.
 *
 * A chunk passes if a match lies in it, or begins in earlier chunks of the same direction and ends
 * in it, with at most 1024 bytes on either side: mostly it does not matter how bytes were cut into
 * chunks.
 *
 * @returns Makes the matcher of one connection: it remembers the end of each direction.
 * @throws {UsageError} If it cannot be read.
 */
export function parseMatch(text: string): () => ChunkMatcher {
  // deno-lint-ignore no-control-regex
  const source = text.replace(/[^\x00-\x7f]+/g, (characters) => {
    const bytes = new TextEncoder().encode(characters);
    return `(?:${Array.from(bytes, (byte) => `\\x${byte.toString(16)}`).join("")})`;
  });
  let pattern: RegExp;
  try {
    pattern = new RegExp(source, "gms");
  } catch (error) {
    throw new UsageError(`invalid regular expression [${text}]: ${reasonOf(error)}`);
  }
  return () => {
    const before: Record<Side, string> = { client: "", backend: "" };
    return (direction, bytes) => {
      const known = before[direction];
      const chunk = latin1(bytes);
      before[direction] = (known + chunk).slice(-MATCH_REACH);
      return endsAfter(pattern, chunk, 0) ||
        known !== "" && endsAfter(pattern, known + chunk.slice(0, MATCH_REACH), known.length);
    };
  };
}

/**
 * Reads the number of a connection, as `conns` shows it.
 *
 * @throws {UsageError} If it is none.
 */
export function parseConnectionNumber(text: string): number {
  const id = parseDigits(text, Number.MAX_SAFE_INTEGER);
  if (id === undefined || id < 1) throw new UsageError(`invalid connection [${text}]`);
  return id;
}

/**
 * Reads a number of bytes.
 *
 * @param text A whole number; 0 shows only that there were bytes.
 * @throws {UsageError} If it is none.
 */
export function parseByteLimit(text: string): number {
  const value = parseDigits(text, MAX_BYTES);
  if (value === undefined) throw new UsageError(`invalid number of bytes [${text}]`);
  return value;
}

function parseDigits(text: string, max: number): number | undefined {
  return /^\d+$/.test(text) ? strictInteger(text, { min: 0, max }) : undefined;
}

function samePrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (a[whole]! ^ b[whole]!) >> (8 - rest) === 0;
}

/** The last part of the runtime's message, which repeats the expression. */
function reasonOf(error: unknown): string {
  return messageOf(error).split(": ").at(-1) ?? "";
}

/** Whether some match ends behind a place; an empty one at the very beginning counts too. */
function endsAfter(pattern: RegExp, text: string, place: number): boolean {
  pattern.lastIndex = 0;
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
    if (pattern.lastIndex > place || place === 0) return true;
    if (found[0] === "") pattern.lastIndex++;
  }
  return false;
}

/** Bytes as characters of the same value. (TextDecoder's latin1 is windows-1252.) */
function latin1(bytes: Uint8Array): string {
  if (bytes.length <= CHARS_AT_ONCE) return String.fromCharCode(...bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += CHARS_AT_ONCE) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHARS_AT_ONCE));
  }
  return text;
}
