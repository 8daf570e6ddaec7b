/** Questions and answers of DNS as bytes (RFC 1035 section 4). Pure. */

import { Buffer } from "node:buffer";
import { decode, encode, type Packet, RECURSION_DESIRED } from "dns-packet";
import { isHostName, normalHostName } from "../address/host_name.ts";
import { type Ip, parseIp } from "../address/ip.ts";
import { strictInteger } from "../base/integers.ts";

/** What can be asked for. */
export type RecordType = "A" | "AAAA" | "SRV";

/** A question. */
export interface DnsQuestion {
  /** From 0 to 65535, hard to guess. */
  readonly id: number;
  /** Without a dot at its end. */
  readonly name: string;
  readonly type: RecordType;
}

/** Where a service is (RFC 2782). */
export interface ServiceRecord {
  /** Host name without a dot at its end; empty if the server denies the service (RFC 2782). */
  readonly target: string;
  readonly port: number;
  /** Lower ones come first. */
  readonly priority: number;
  readonly weight: number;
}

/** What a server answered to a question. */
export type DnsReply =
  | {
    readonly kind: "records";
    readonly addresses: readonly Ip[];
    readonly services: readonly ServiceRecord[];
    /** The lowest time to live of all records that were used, in seconds. */
    readonly ttlS: number;
  }
  /** The name is an alias, and the answer ends there. */
  | { readonly kind: "alias"; readonly name: string; readonly ttlS: number }
  /** It has no records of this type, or does not exist (`NXDOMAIN`). */
  | { readonly kind: "none"; readonly exists: boolean }
  /** It did not fit into a datagram. */
  | { readonly kind: "truncated" }
  /** For example `SERVFAIL`. */
  | { readonly kind: "failed"; readonly code: string };

/** Aliases that are followed within one answer. */
const MAX_ALIASES = 16;

/** The bytes of a question. */
export function encodeQuestion({ id, name, type }: DnsQuestion): Uint8Array {
  return encode({
    type: "query",
    id,
    flags: RECURSION_DESIRED,
    questions: [{ type, name, class: "IN" }],
  });
}

/**
 * Reads the answer to a question.
 *
 * @returns `undefined` if the bytes are malformed, or no answer to this question. The decoder bounds
 * names, and rejects those that are compressed in a circle.
 */
export function readReply(bytes: Uint8Array, question: DnsQuestion): DnsReply | undefined {
  let packet: Packet;
  try {
    packet = decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  } catch {
    return undefined;
  }
  if (packet.type !== "response" || packet.id !== question.id) return undefined;
  if (packet.opcode !== "QUERY" || packet.questions.length !== 1) return undefined;
  const [asked] = packet.questions;
  const isAsked = asked !== undefined && asked.type === question.type && asked.class === "IN" &&
    normalHostName(asked.name) === normalHostName(question.name);
  if (!isAsked) return undefined;
  if (packet.flag_tc) return { kind: "truncated" };
  if (packet.rcode !== "NOERROR" && packet.rcode !== "NXDOMAIN") {
    return { kind: "failed", code: packet.rcode };
  }
  return readAnswers(packet, question);
}

function readAnswers(packet: Packet, { name, type }: DnsQuestion): DnsReply {
  let owner = normalHostName(name), ttlS = Infinity;
  for (let aliases = 0; aliases <= MAX_ALIASES; aliases++) {
    const own = packet.answers.filter((one) =>
      one.class === "IN" && normalHostName(one.name) === owner
    );
    const found = own.filter((one) => one.type === type);
    if (found.length > 0) {
      const data = found.map((one) => one.data);
      const least = Math.min(ttlS, ...found.map(ttlOf));
      const addresses = type === "SRV" ? [] : data.map(addressOf).filter(isKnown);
      const services = type === "SRV" ? data.map(serviceOf).filter(isKnown) : [];
      if (addresses.length + services.length === 0) return { kind: "failed", code: "FORMERR" };
      return { kind: "records", addresses, services, ttlS: least };
    }
    const alias = own.find((one) => one.type === "CNAME" && typeof one.data === "string");
    if (alias === undefined) break;
    owner = normalHostName(alias.data as string);
    ttlS = Math.min(ttlS, ttlOf(alias));
  }
  if (ttlS !== Infinity && packet.rcode === "NOERROR") return { kind: "alias", name: owner, ttlS };
  return { kind: "none", exists: packet.rcode === "NOERROR" };
}

/** A time to live with its highest bit set is 0 (RFC 2181 section 8). */
function ttlOf({ ttl = 0 }: { ttl?: number }): number {
  return ttl >= 2 ** 31 || ttl < 0 ? 0 : ttl;
}

function addressOf(data: unknown): Ip | undefined {
  return typeof data === "string" ? parseIp(data) : undefined;
}

function serviceOf(data: unknown): ServiceRecord | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const { target, port, priority, weight } = data as Record<string, unknown>;
  const numbers = [port, priority, weight].map((value) =>
    strictInteger(String(value), { min: 0, max: 65535 })
  );
  const [portNumber, priorityNumber, weightNumber] = numbers;
  if (typeof target !== "string" || numbers.some((value) => value === undefined)) return undefined;
  const name = normalHostName(target);
  // It appears in messages and tables, and comes from outside.
  if (name !== "" && !isHostName(name)) return undefined;
  return {
    target: name,
    port: portNumber!,
    priority: priorityNumber!,
    weight: weightNumber!,
  };
}

function isKnown<T>(value: T | undefined): value is T {
  return value !== undefined;
}
