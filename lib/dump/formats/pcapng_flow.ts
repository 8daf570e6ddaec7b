/** One TCP conversation of a pcapng file: the blocks of its handshake, its data and its end. */

import { joinBytes } from "../../base/bytes.ts";
import type { Endpoint } from "../../base/endpoint.ts";
import type { Side } from "../../base/side.ts";
import type { DumpChunk } from "./format.ts";
import { ACK, FIN, packetBuffer, PSH, SYN, TcpFlow } from "./packets.ts";
import type { PacketBuffer, Sender } from "./packets.ts";
import { commentOptions, EPB_HEAD, EPB_TAIL, padded, writeFrame } from "./pcapng_blocks.ts";

/** Segments per acknowledgement, few enough for Wireshark: at most 2 MiB, less than the window. */
const SEGMENTS_PER_ACK = 32;

const SENDERS = [0, 1] as const;
/** Which end sends the bytes of a direction. */
export const SENDER: Readonly<Record<Side, Sender>> = { client: 0, backend: 1 };

/** One recorded conversation. */
export interface Flow {
  readonly tcp: TcpFlow;
  /** Which end is balance. */
  readonly balance: Sender;
  /** Number of the last section (file) that has its handshake; 0 for none. */
  section: number;
  /** Segments of each end that the other end has not acknowledged. */
  readonly unacknowledged: [number, number];
  /** Bytes of each end so far. */
  readonly bytes: [number, number];
  readonly ended: [boolean, boolean];
  reset: boolean;
}

/** A packet without payload. */
interface ControlPacket {
  readonly from: Sender;
  readonly flags: number;
  readonly time: number;
  readonly comments?: readonly string[];
}

/**
 * Creates a conversation of which nothing was written yet.
 *
 * @param ends Who opened the connection, who accepted it.
 * @param options `initial`: first sequence numbers; `balance`: which end is balance.
 */
export function newFlow(
  ends: readonly [Endpoint, Endpoint],
  { initial, balance }: { initial: readonly [number, number]; balance: Sender },
): Flow {
  return {
    tcp: new TcpFlow(ends, initial),
    balance,
    section: 0,
    unacknowledged: [0, 0],
    bytes: [0, 0],
    ended: [false, false],
    reset: false,
  };
}

/** The handshake; in a later file its sequence numbers match the bytes that follow. */
export function introduce(flow: Flow, comments: readonly string[], time: number): Uint8Array {
  const { tcp, ended, section } = flow;
  for (const from of SENDERS) {
    if (section > 0) tcp.advance(from, ended[from] ? -2 : -1);
  }
  const pieces = [
    controlPacket(flow, { from: 0, flags: SYN, time, comments }),
    controlPacket(flow, { from: 1, flags: SYN | ACK, time }),
    controlPacket(flow, { from: 0, flags: ACK, time }),
  ];
  for (const from of SENDERS) {
    if (ended[from]) pieces.push(finish(flow, from, time));
  }
  return joinBytes(pieces);
}

/** The end of one direction and its acknowledgement. */
export function finish(flow: Flow, from: Sender, time: number): Uint8Array {
  flow.ended[from] = true;
  return joinBytes([
    controlPacket(flow, { from, flags: FIN | ACK, time }),
    controlPacket(flow, { from: 1 - from as Sender, flags: ACK, time }),
  ]);
}

/** The block of a packet without payload, with its comments. */
export function controlPacket(flow: Flow, packet: ControlPacket): Uint8Array {
  const { from, flags, time, comments = [] } = packet;
  const options = commentOptions(comments);
  const length = flow.tcp.headerLength(flags);
  const into = packetBuffer(EPB_HEAD + length + options.length + EPB_TAIL);
  flow.tcp.write(into, EPB_HEAD, { from, flags });
  into.bytes.set(options, EPB_HEAD + length);
  const blockLength = into.bytes.length;
  writeFrame(into, 0, { time, held: length, length, blockLength });
  if (flags & ACK) flow.unacknowledged[1 - from as Sender] = 0;
  return into.bytes;
}

/** Bytes of the packet blocks for a chunk, acknowledgements included. */
export function sizeOfChunk(flow: Flow, chunk: DumpChunk): number {
  const { tcp } = flow;
  const held = chunk.bytes.length;
  const header = tcp.headerLength(ACK);
  const frameLength = EPB_HEAD + header + EPB_TAIL;
  const segments = Math.ceil((chunk.length ?? held) / tcp.maxPayload);
  const waiting = flow.unacknowledged[SENDER[chunk.direction]];
  const acknowledgements = Math.floor((waiting + segments) / SEGMENTS_PER_ACK);
  // Every segment with bytes is full, except the last one.
  const full = Math.floor(held / tcp.maxPayload);
  return (segments + acknowledgements) * frameLength + full * padded(tcp.maxPayload) +
    padded(held - full * tcp.maxPayload);
}

/** Writes the packet blocks for a chunk and returns where they end. */
export function writeChunk(flow: Flow, chunk: DumpChunk, into: PacketBuffer, at: number): number {
  const { tcp, unacknowledged } = flow;
  const { bytes, time } = chunk;
  const from = SENDER[chunk.direction];
  const to = 1 - from as Sender;
  const total = chunk.length ?? bytes.length;
  const header = tcp.headerLength(ACK);
  unacknowledged[to] = 0;
  for (let done = 0; done < total;) {
    const length = Math.min(tcp.maxPayload, total - done);
    const payload = bytes.subarray(done, done + length);
    done += length;
    const flags = done === total ? PSH | ACK : ACK;
    tcp.write(into, at + EPB_HEAD, { from, flags, payload, length });
    const held = header + payload.length;
    let blockLength = EPB_HEAD + padded(held) + EPB_TAIL;
    at += writeFrame(into, at, { time, held, length: header + length, blockLength });
    if (++unacknowledged[from] < SEGMENTS_PER_ACK) continue;
    unacknowledged[from] = 0;
    tcp.write(into, at + EPB_HEAD, { from: to, flags: ACK });
    blockLength = EPB_HEAD + header + EPB_TAIL;
    at += writeFrame(into, at, { time, held: header, length: header, blockLength });
  }
  return at;
}
