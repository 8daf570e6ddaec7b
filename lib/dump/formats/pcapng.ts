/**
 * The pcapng format (draft-ietf-opsawg-pcapng): opens in Wireshark, tshark, tcpdump, tcpflow.
 *
 * A connection becomes a TCP conversation between the real addresses: handshake, a packet for
 * each chunk (several for more than 64 KiB), now and then an acknowledgement, FIN or RST.
 * Events are comments of packets without bytes. With both sides there are two conversations.
 */

import { joinBytes, NO_BYTES } from "../../base/bytes.ts";
import type { Endpoint } from "../../base/endpoint.ts";
import { channelText, type ConnectionRoute } from "../../base/connection_info.ts";
import {
  type DumpChunk,
  type DumpEnd,
  type DumpEvent,
  type DumpFormat,
  type DumpSide,
  type DumpSides,
} from "./format.ts";
import { formatEndpoint } from "../../address/host_port.ts";
import { ACK, packetBuffer, RST, type Sender } from "./packets.ts";
import { interfaceDescription, interfaceStatistics, sectionHeader } from "./pcapng_blocks.ts";
import {
  controlPacket,
  finish,
  type Flow,
  introduce,
  newFlow,
  SENDER,
  sizeOfChunk,
  writeChunk,
} from "./pcapng_flow.ts";

/** What to record and what to say about the recorder. */
export interface PcapngOptions {
  /** Which conversations. @default {"client"} */
  readonly side?: DumpSides;
  /** @default {Deno.build.arch} */
  readonly hardware?: string;
  /** @default {Deno.build.os} */
  readonly os?: string;
  /** Name and version of this program. @default {"balance"} */
  readonly application?: string;
}

/** Events that wait for the backend's conversation to begin, if only that is recorded. */
const MAX_WAITING = 16;

/** What is kept for each open connection. */
interface State {
  client?: Flow;
  server?: Flow;
  /** Comments for the next packet. */
  waiting: string[];
}

const SIDES: readonly DumpSide[] = ["client", "server"];
const DESCRIPTION: Readonly<Record<DumpSides, string>> = {
  client: "between the client and balance",
  server: "between balance and the backend",
  both: "between the client and balance, and between balance and the backend",
};

/**
 * Makes an encoder for one file or stream.
 *
 * @param options Which side is recorded, texts for the section header.
 */
export function createPcapng(options: PcapngOptions = {}): DumpFormat {
  return new Pcapng(options);
}

class Pcapng implements DumpFormat {
  readonly name = "pcapng";
  readonly #sides: readonly DumpSide[];
  readonly #header: Uint8Array;
  readonly #states = new Map<number, State>();
  #section = 0;

  constructor(options: PcapngOptions) {
    const side = options.side ?? "client";
    this.#sides = SIDES.filter((each) => side === "both" || side === each);
    this.#header = joinBytes([
      sectionHeader({
        hardware: options.hardware ?? Deno.build.arch,
        os: options.os ?? Deno.build.os,
        application: options.application ?? "balance",
      }),
      // One for both sides: libpcap refuses a second interface with raw IP packets.
      interfaceDescription(side, DESCRIPTION[side]),
    ]);
  }

  start(_time: number): Uint8Array {
    this.#section++;
    return this.#header;
  }

  open(connection: ConnectionRoute, time: number): Uint8Array {
    return this.#introduced(connection, time);
  }

  connected(connection: ConnectionRoute, time: number): Uint8Array {
    const pieces = [this.#introduced(connection, time)];
    const state = this.#state(connection);
    // The conversation with the backend says it in its own first packet.
    if (state.client !== undefined) {
      pieces.push(this.#comment(state.client, [describeChannel(connection)], time));
    }
    return joinBytes(pieces);
  }

  data(connection: ConnectionRoute, chunk: DumpChunk): Uint8Array {
    const length = chunk.length ?? chunk.bytes.length;
    if (length === 0) return NO_BYTES;
    const head = this.#introduced(connection, chunk.time);
    const state = this.#state(connection);
    const from = SENDER[chunk.direction];
    let total = head.length;
    for (const side of this.#sides) {
      const flow = flowSeeing(state, side, chunk.side);
      if (flow !== undefined) total += sizeOfChunk(flow, chunk);
    }
    const into = packetBuffer(total);
    into.bytes.set(head);
    let at = head.length;
    for (const side of this.#sides) {
      const flow = flowSeeing(state, side, chunk.side);
      if (flow === undefined) continue;
      at = writeChunk(flow, chunk, into, at);
      flow.bytes[from] += length;
    }
    return into.bytes;
  }

  skip(connection: ConnectionRoute, chunk: DumpChunk): void {
    const state = this.#state(connection);
    const from = SENDER[chunk.direction];
    for (const side of this.#sides) {
      const flow = flowSeeing(state, side, chunk.side);
      if (flow === undefined) continue;
      const length = chunk.length ?? chunk.bytes.length;
      flow.tcp.advance(from, length);
      flow.bytes[from] += length;
    }
  }

  event(connection: ConnectionRoute, event: DumpEvent): Uint8Array {
    const head = this.#introduced(connection, event.time);
    const state = this.#state(connection);
    const flow = state.client ?? state.server;
    if (flow !== undefined) {
      return joinBytes([head, this.#comment(flow, [event.text], event.time)]);
    }
    if (state.waiting.length < MAX_WAITING) state.waiting.push(event.text);
    return head;
  }

  end(connection: ConnectionRoute, end: DumpEnd): Uint8Array {
    const pieces = [this.#introduced(connection, end.time)];
    const state = this.#state(connection);
    const from = SENDER[end.direction];
    for (const side of this.#sides) {
      const flow = flowSeeing(state, side, end.side);
      if (flow === undefined || flow.reset || flow.ended[from]) continue;
      if (end.how === "end") pieces.push(finish(flow, from, end.time));
      else {
        flow.reset = true;
        pieces.push(controlPacket(flow, { from, flags: RST | ACK, time: end.time }));
      }
    }
    return joinBytes(pieces);
  }

  close(connection: ConnectionRoute, time: number): Uint8Array {
    const state = this.#states.get(connection.id);
    if (state === undefined) return NO_BYTES;
    const pieces = [this.#introduced(connection, time)];
    for (const flow of [state.client, state.server]) {
      if (flow === undefined || flow.reset) continue;
      for (const from of [flow.balance, 1 - flow.balance as Sender]) {
        if (!flow.ended[from]) pieces.push(finish(flow, from, time));
      }
    }
    this.#states.delete(connection.id);
    return joinBytes(pieces);
  }

  lost(chunks: number, time: number): Uint8Array {
    return interfaceStatistics(chunks, time);
  }

  #state(connection: ConnectionRoute): State {
    let state = this.#states.get(connection.id);
    if (state === undefined) this.#states.set(connection.id, state = { waiting: [] });
    return state;
  }

  /** Brings every conversation that is known by now into the present section. */
  #introduced(connection: ConnectionRoute, time: number): Uint8Array {
    const state = this.#state(connection);
    let pieces: Uint8Array[] | undefined;
    for (const side of this.#sides) {
      const flow = state[side] ?? this.#newFlow(connection, side);
      if (flow === undefined) continue;
      state[side] = flow;
      if (flow.reset || flow.section === this.#section) continue;
      const comments = [
        describeConnection(connection, { side, continued: flow.section > 0 && flow.bytes }),
        ...state.waiting.splice(0),
      ];
      pieces ??= [];
      pieces.push(introduce(flow, comments, time));
      flow.section = this.#section;
    }
    return pieces === undefined ? NO_BYTES : joinBytes(pieces);
  }

  #newFlow(connection: ConnectionRoute, side: DumpSide): Flow | undefined {
    const ends = endsOf(connection, side);
    if (ends === undefined) return undefined;
    return newFlow(ends, {
      initial: initialNumbers(connection.id, side),
      balance: side === "client" ? 1 : 0,
    });
  }

  /** A packet from balance that only carries comments. */
  #comment(flow: Flow, comments: readonly string[], time: number): Uint8Array {
    flow.tcp.changeWindow(flow.balance);
    return controlPacket(flow, { from: flow.balance, flags: ACK, time, comments });
  }
}

/** The conversation of one side, unless only the other side saw what happened. */
function flowSeeing(state: State, side: DumpSide, only: DumpSide | undefined): Flow | undefined {
  return only === undefined || only === side ? state[side] : undefined;
}

/** Who opened and who accepted the connection of one side; `undefined` while not known. */
function endsOf(
  connection: ConnectionRoute,
  side: DumpSide,
): [Endpoint, Endpoint] | undefined {
  const { client, listener, local, backend } = connection;
  if (side === "client") return [client, listener];
  if (backend === undefined) return undefined;
  // Without a known port of its own, one that tells connections apart.
  const unknown = { address: "", port: 1024 + connection.id % 64000 };
  return [local ?? unknown, backend];
}

/** First sequence numbers that differ from connection to connection, so that ports can return. */
function initialNumbers(id: number, side: DumpSide): [number, number] {
  const first = Math.imul(id, 0x9e3779b1) + (side === "client" ? 0 : 0x3c6ef372);
  return [first >>> 0, Math.imul(first, 0x85ebca6b) >>> 0];
}

function describeChannel(connection: ConnectionRoute): string {
  const { backend, local } = connection;
  const channel = channelText(connection);
  const to = backend && `to ${formatEndpoint(backend)}`;
  const from = local && `from ${formatEndpoint(local)}`;
  return ["connected", channel && `channel ${channel}`, from, to].filter(Boolean).join(" ");
}

function describeConnection(
  connection: ConnectionRoute,
  options: { side: DumpSide; continued: false | readonly [number, number] },
): string {
  const { id, client } = connection;
  const channel = channelText(connection);
  const parts = [`connection ${id}`];
  if (options.side === "server") {
    parts.push(`client ${formatEndpoint(client)}`);
  }
  if (channel !== undefined) parts.push(`channel ${channel}`);
  if (options.continued) {
    const [client, backend] = options.continued;
    parts.push(`continued after ${client} bytes from the client, ${backend} from the backend`);
  }
  return parts.join(", ");
}
