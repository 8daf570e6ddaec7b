/**
 * The pcapng format (draft-ietf-opsawg-pcapng): opens in Wireshark, tshark, tcpdump, tcpflow.
 *
 * A connection becomes a TCP conversation between the real addresses: handshake, a packet for
 * each chunk (several for more than 64 KiB), occasional acknowledgements, FIN or RST. Events are
 * comments of packets without payload. With `"both"` there are two conversations per connection.
 */

import { formatEndpoint } from "../../address/host_port.ts";
import { joinBytes, NO_BYTES } from "../../base/bytes.ts";
import { channelText, type ConnectionRoute } from "../../base/connection_info.ts";
import type { Endpoint } from "../../base/endpoint.ts";
import { NAME, VERSION } from "../../base/version.ts";
import type { DumpChunk, DumpEnd, DumpEvent, DumpFormat, DumpLeg, DumpSide } from "./format.ts";
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

/** What to record, and the texts of the section header. */
interface PcapngOptions {
  /** Which conversations. @default {"client"} */
  readonly side?: DumpSide;
  /** @default {Deno.build.arch} */
  readonly hardware?: string;
  /** @default {Deno.build.os} */
  readonly os?: string;
  /** @default name and version of this program */
  readonly application?: string;
}

/** Events kept until the backend's conversation starts, if only that leg is recorded. */
const MAX_WAITING = 16;

/** The state of one open connection. */
interface State {
  client?: Flow;
  server?: Flow;
  /** Comments for the next packet. */
  waiting: string[];
}

const LEGS: readonly DumpLeg[] = ["client", "server"];
const DESCRIPTION: Readonly<Record<DumpSide, string>> = {
  client: "between the client and balance",
  server: "between balance and the backend",
  both: "between the client and balance, and between balance and the backend",
};

/** Creates the encoder for one file or stream. */
export function createPcapng(options: PcapngOptions = {}): DumpFormat {
  return new Pcapng(options);
}

class Pcapng implements DumpFormat {
  readonly #legs: readonly DumpLeg[];
  readonly #header: Uint8Array;
  readonly #states = new Map<number, State>();
  #section = 0;

  constructor(
    {
      side = "client",
      hardware = Deno.build.arch,
      os = Deno.build.os,
      application = `${NAME} ${VERSION}`,
    }: PcapngOptions,
  ) {
    this.#legs = LEGS.filter((leg) => side === "both" || side === leg);
    this.#header = joinBytes([
      sectionHeader({ hardware, os, application }),
      // One interface for both legs: libpcap refuses a second one with raw IP packets.
      interfaceDescription(side, DESCRIPTION[side]),
    ]);
  }

  start(): Uint8Array {
    this.#section++;
    return this.#header;
  }

  open(connection: ConnectionRoute, time: number): Uint8Array {
    return this.#introduced(connection, time);
  }

  connected(connection: ConnectionRoute, time: number): Uint8Array {
    const pieces = [this.#introduced(connection, time)];
    const state = this.#state(connection);
    // The server leg has it in the comment of its first packet.
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
    for (const leg of this.#legs) {
      const flow = flowOf(state, leg, chunk.leg);
      if (flow !== undefined) total += sizeOfChunk(flow, chunk);
    }
    const into = packetBuffer(total);
    into.bytes.set(head);
    let at = head.length;
    for (const leg of this.#legs) {
      const flow = flowOf(state, leg, chunk.leg);
      if (flow === undefined) continue;
      at = writeChunk(flow, chunk, into, at);
      flow.bytes[from] += length;
    }
    return into.bytes;
  }

  skip(connection: ConnectionRoute, chunk: DumpChunk): void {
    const state = this.#state(connection);
    const from = SENDER[chunk.direction];
    const length = chunk.length ?? chunk.bytes.length;
    for (const leg of this.#legs) {
      const flow = flowOf(state, leg, chunk.leg);
      if (flow === undefined) continue;
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
    for (const leg of this.#legs) {
      const flow = flowOf(state, leg, end.leg);
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

  /** Introduces every known conversation in the current section. */
  #introduced(connection: ConnectionRoute, time: number): Uint8Array {
    const state = this.#state(connection);
    let pieces: Uint8Array[] | undefined;
    for (const leg of this.#legs) {
      const flow = state[leg] ?? flowOn(connection, leg);
      if (flow === undefined) continue;
      state[leg] = flow;
      if (flow.reset || flow.section === this.#section) continue;
      const comments = [describeFlow(connection, leg, flow), ...state.waiting.splice(0)];
      pieces ??= [];
      pieces.push(introduce(flow, comments, time));
      flow.section = this.#section;
    }
    return pieces === undefined ? NO_BYTES : joinBytes(pieces);
  }

  /** A packet from balance that has only comments. */
  #comment(flow: Flow, comments: readonly string[], time: number): Uint8Array {
    flow.tcp.changeWindow(flow.balance);
    return controlPacket(flow, { from: flow.balance, flags: ACK, time, comments });
  }
}

/** The conversation of one leg; `undefined` if the record is about the other leg only. */
function flowOf(state: State, leg: DumpLeg, only: DumpLeg | undefined): Flow | undefined {
  return only === undefined || only === leg ? state[leg] : undefined;
}

/** The conversation on a leg; `undefined` while the backend is not known. */
function flowOn(connection: ConnectionRoute, leg: DumpLeg): Flow | undefined {
  const { id, client, listener, local, backend } = connection;
  const initial = initialNumbers(id, leg);
  if (leg === "client") return newFlow([client, listener], { initial, balance: 1 });
  // If the local port is unknown: one that distinguishes connections.
  const near: Endpoint = local ?? { address: "", port: 1024 + id % 64000 };
  return backend && newFlow([near, backend], { initial, balance: 0 });
}

/** Initial sequence numbers; they differ between connections, since ports may be reused. */
function initialNumbers(id: number, leg: DumpLeg): [number, number] {
  const first = Math.imul(id, 0x9e3779b1) + (leg === "client" ? 0 : 0x3c6ef372);
  return [first >>> 0, Math.imul(first, 0x85ebca6b) >>> 0];
}

function describeChannel(connection: ConnectionRoute): string {
  const { backend, local } = connection;
  const channel = channelText(connection);
  const to = backend && `to ${formatEndpoint(backend)}`;
  const from = local && `from ${formatEndpoint(local)}`;
  return ["connected", channel && `channel ${channel}`, from, to].filter(Boolean).join(" ");
}

/** The first comment of a conversation, in this and in later files. */
function describeFlow(connection: ConnectionRoute, leg: DumpLeg, flow: Flow): string {
  const channel = channelText(connection);
  const parts = [`connection ${connection.id}`];
  if (leg === "server") parts.push(`client ${formatEndpoint(connection.client)}`);
  if (channel !== undefined) parts.push(`channel ${channel}`);
  if (flow.section > 0) {
    const [client, backend] = flow.bytes;
    parts.push(`continued after ${client} bytes from the client, ${backend} from the backend`);
  }
  return parts.join(", ");
}
