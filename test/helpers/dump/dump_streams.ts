/**
 * What a pcapng dump says was sent, put together from its packets as a receiver would.
 *
 * @module
 */
import { joinBytes } from "../../../lib/base/bytes.ts";
import { type Packet, readPackets } from "./pcapng.ts";

/** One TCP conversation of a dump. */
export interface Conversation {
  /** `ADDRESS:PORT` of the one who connected. */
  readonly client: string;
  readonly server: string;
  /** Bytes from the one who connected. */
  readonly sent: Uint8Array;
  /** Bytes to it. */
  readonly rcvd: Uint8Array;
  /** Bytes that the numbers tell of and the dump does not have. */
  readonly missing: number;
  /** Who ended it with RST, if anybody did. */
  readonly reset: "client" | "server" | undefined;
  /** How many sides ended with FIN. */
  readonly fins: number;
  readonly comments: readonly string[];
}

/**
 * Reads the conversations of a dump in the order in which they begin.
 *
 * @throws {Error} If a block, a checksum or a number is wrong.
 */
export function readConversations(file: Uint8Array): Conversation[] {
  const flows = new Map<string, Packet[]>();
  for (const packet of readPackets(file)) {
    const key = [packet.from, packet.to].sort().join(" ");
    const flow = flows.get(key);
    // The same ports again are another conversation.
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
  if (first.flags !== "S") throw new Error(`begins with [${first.flags}] instead of SYN`);
  const of = (from: string) => {
    const own = packets.filter((packet) => packet.from === from);
    let next: number | undefined, missing = 0;
    for (const { seq, length, flags } of own) {
      if (next !== undefined && seq !== next) {
        const gap = (seq - next) >>> 0;
        if (gap > 0x7fff_ffff) throw new Error(`number ${seq} after ${next}`);
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
