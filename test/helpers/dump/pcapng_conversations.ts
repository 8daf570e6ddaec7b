/** The conversations in a pcapng file: their bytes, how they ended, and summaries of packets. */

import { assertEquals } from "@std/assert";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { type Packet, readPackets } from "./pcapng.ts";

/** One TCP conversation of a dump. */
export interface Conversation {
  /** `ADDRESS:PORT` of the side that connected. */
  readonly client: string;
  readonly server: string;
  /** Bytes from the client. */
  readonly sent: Uint8Array;
  /** Bytes to the client. */
  readonly rcvd: Uint8Array;
  /** Bytes covered by the sequence numbers but absent from the dump. */
  readonly missing: number;
  /** The side that sent RST, if one did. */
  readonly reset: "client" | "server" | undefined;
  /** How many sides sent FIN. */
  readonly fins: number;
  readonly comments: readonly string[];
}

/**
 * Reads the conversations of a dump in the order of their start, each reassembled from its packets.
 *
 * @throws {Error} If a block, a checksum or a sequence number is wrong.
 */
export function readConversations(file: Uint8Array): Conversation[] {
  const flows = new Map<string, Packet[]>();
  for (const packet of readPackets(file)) {
    const key = [packet.from, packet.to].sort().join(" ");
    const flow = flows.get(key);
    // A SYN between the same ports starts another conversation.
    const isNew = flow === undefined || packet.flags === "S";
    if (isNew) {
      if (flow !== undefined) flows.set(`${key} ${flows.size}`, flow);
      flows.set(key, [packet]);
    } else flow.push(packet);
  }
  return [...flows.values()].map(conversationOf)
    .sort((a, b) => a.at - b.at).map(({ at: _, ...rest }) => rest);
}

function conversationOf(packets: readonly Packet[]): Conversation & { at: number } {
  const first = packets[0]!;
  if (first.flags !== "S") throw new Error(`starts with [${first.flags}] instead of SYN`);
  const of = (from: string) => {
    const own = packets.filter((packet) => packet.from === from);
    let next: number | undefined, missing = 0;
    for (const { seq, length, flags } of own) {
      if (next !== undefined && seq !== next) {
        const gap = (seq - next) >>> 0;
        if (gap > 0x7fff_ffff) throw new Error(`sequence number ${seq} after ${next}`);
        missing += gap;
      }
      next = (seq + length + (/[SF]/.test(flags) ? 1 : 0)) >>> 0;
    }
    return { bytes: joinBytes(own.map(({ payload }) => payload)), missing };
  };
  const [sent, rcvd] = [of(first.from), of(first.to)];
  const reset = packets.find(({ flags }) => flags.includes("R"));
  return {
    at: first.time,
    client: first.from,
    server: first.to,
    sent: sent.bytes,
    rcvd: rcvd.bytes,
    missing: sent.missing + rcvd.missing,
    reset: reset && (reset.from === first.from ? "client" : "server"),
    fins: packets.filter(({ flags }) => flags.includes("F")).length,
    comments: packets.flatMap(({ comments }) => comments),
  };
}

/** One line per packet: direction, flags, relative sequence and ACK numbers, payload length. */
export function brief(packets: readonly Packet[]): string[] {
  const first = new Map<string, number>();
  for (const { flags, from, seq } of packets) if (flags.includes("S")) first.set(from, seq);
  return packets.map(({ from, to, flags, seq, ack, length }) => {
    const relative = (number: number, whose: string) => (number - (first.get(whose) ?? 0)) >>> 0;
    const who = from < to ? ">" : "<";
    return `${who} ${flags} ${relative(seq, from)} ${ack && relative(ack, to)} ${length}`;
  });
}

/** The payload of each direction of each conversation, reassembled by sequence numbers. */
export function reassemble(packets: readonly Packet[]): Map<string, Uint8Array> {
  const streams = new Map<string, { next: number; pieces: Uint8Array[] }>();
  for (const { from, to, flags, seq, payload, length } of packets) {
    const key = `${from} ${to}`;
    if (flags.includes("S")) streams.set(key, { next: seq, pieces: [] });
    const stream = streams.get(key)!;
    assertEquals(seq, stream.next, `a gap in ${key}`);
    stream.next = (seq + length + (/[SF]/.test(flags) ? 1 : 0)) >>> 0;
    stream.pieces.push(payload);
  }
  return new Map([...streams].map(([key, { pieces }]) => [key, joinBytes(pieces)]));
}
