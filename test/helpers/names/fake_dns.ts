/**
 * A DNS server in the test process that answers as a test wants, also wrongly.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type Answer, decode, encode, type Packet } from "dns-packet";
import { writeAll } from "../../../lib/base/bytes.ts";

/** How a question arrived. */
export type Transport = "udp" | "tcp";

/** A question that a {@link FakeDns} got. */
export interface FakeQuestion {
  readonly transport: Transport;
  readonly packet: Packet;
  readonly name: string;
  readonly type: string;
}

/** What it sends, one after the other; `undefined` for nothing. */
export type FakeReply = Uint8Array | readonly Uint8Array[] | undefined;

/** A running fake server. */
export interface FakeDns extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** `udp A web.test`, in order. */
  readonly questions: readonly string[];
  /** What it answers from now on. */
  answer: (question: FakeQuestion) => FakeReply;
}

/** Starts a fake server. @param options `port`: that of another server on another address. */
export function fakeDns(
  answer: FakeDns["answer"],
  { address = "127.0.0.1", port = 0 }: { address?: string; port?: number } = {},
): FakeDns {
  const listener = Deno.listen({ hostname: address, port });
  const at = (listener.addr as Deno.NetAddr).port, questions: string[] = [];
  const socket = Deno.listenDatagram({ transport: "udp", hostname: address, port: at });
  const fake = { address, port: at, questions, answer };

  function repliesTo(bytes: Uint8Array, transport: Transport): readonly Uint8Array[] {
    const packet = decode(Buffer.from(bytes));
    const { name = "", type = "" } = packet.questions[0] ?? {};
    questions.push(`${transport} ${type} ${name}`);
    const reply = fake.answer({ transport, packet, name, type });
    return reply === undefined ? [] : reply instanceof Uint8Array ? [reply] : reply;
  }

  async function datagrams(): Promise<void> {
    for await (const [bytes, from] of socket) {
      for (const reply of repliesTo(bytes, "udp")) await socket.send(reply, from);
    }
  }

  async function connection(conn: Deno.Conn): Promise<void> {
    using _conn = conn;
    const buffer = new Uint8Array(1024), length = await conn.read(buffer) ?? 0;
    if (length < 2) return;
    for (const reply of repliesTo(buffer.subarray(2, length), "tcp")) {
      await writeAll(conn, withLength(reply));
    }
    // Open until the client closes it, or the server ends.
    if (stalls.has(fake)) await conn.read(buffer);
  }

  async function connections(): Promise<void> {
    const all: Promise<void>[] = [];
    for await (const conn of listener) all.push(connection(conn).catch(() => {}));
    await Promise.all(all);
  }

  const ended = Promise.all([datagrams(), connections()]);
  return Object.assign(fake, {
    async [Symbol.asyncDispose]() {
      socket.close();
      listener.close();
      await ended;
    },
  });
}

const stalls = new WeakSet<object>();

/** Makes a server keep connections open after its answers. */
export function stalling(fake: FakeDns): void {
  stalls.add(fake);
}

/** The bytes of a reply. @param change What differs from a usual one. */
export function reply(
  { packet }: FakeQuestion,
  answers: readonly Answer[],
  change: { flags?: number; id?: number; questions?: unknown } = {},
): Uint8Array {
  return encode({
    ...{ type: "response", id: packet.id, flags: 0x180, questions: packet.questions, answers },
    ...change,
  });
}

/** The reply with a response code: 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED. */
export function refusal(question: FakeQuestion, code: number): Uint8Array {
  return reply(question, [], { flags: 0x180 | code });
}

/** A reply that is marked as truncated. */
export function truncated(question: FakeQuestion): Uint8Array {
  return reply(question, [], { flags: 0x380 });
}

/** An address record. */
export function a(name: string, address: string, ttl = 60): Answer {
  return { name, type: address.includes(":") ? "AAAA" : "A", class: "IN", ttl, data: address };
}

/** An alias record. */
export function cname(name: string, target: string, ttl = 60): Answer {
  return { name, type: "CNAME", class: "IN", ttl, data: target };
}

/** A service record. @param data `priority weight port target`. */
export function srv(name: string, data: string, ttl = 60): Answer {
  const [priority, weight, port, target] = data.split(" ");
  const numbers = { priority: Number(priority), weight: Number(weight), port: Number(port) };
  return { name, type: "SRV", class: "IN", ttl, data: { ...numbers, target } };
}

function withLength(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const framed = new Uint8Array(2 + bytes.length);
  new DataView(framed.buffer).setUint16(0, bytes.length);
  framed.set(bytes, 2);
  return framed;
}
