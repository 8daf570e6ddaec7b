/** Summaries of the packets of a pcapng file, and the bytes of its conversations. */

import { joinBytes } from "../../../lib/base/bytes.ts";
import { assertEquals } from "@std/assert";
import type { Packet } from "./pcapng.ts";

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
