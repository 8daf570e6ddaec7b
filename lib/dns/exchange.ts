/** Sends one question to one server and waits for its answer. */

import { parsePeerIp } from "../address/ip.ts";
import { writeAll } from "../base/bytes.ts";
import { type DnsQuestion, type DnsReply, encodeQuestion, readReply } from "./message.ts";

/** A DNS server. */
export interface DnsServer {
  /** May have a scope, for example `fe80::1%eth0`. */
  readonly address: string;
  /** 53, except in tests. */
  readonly port: number;
}

/** Maximum length of an answer over TCP: its length has 16 bits (RFC 1035 section 4.2.2). */
const MAX_LENGTH = 65_535;

/** Longest datagram that is read; longer ones are cut and then malformed. */
const MAX_DATAGRAM = 4096;

/**
 * Asks a server over UDP, and again over TCP if the answer does not fit.
 *
 * @param limitMs Time limit for each of the two.
 * @returns `undefined` if it does not answer in time, or refuses. Datagrams from elsewhere, to
 * another question, or malformed ones, are ignored.
 */
export async function askServer(
  server: DnsServer,
  question: DnsQuestion,
  limitMs: number,
): Promise<DnsReply | undefined> {
  const reply = await askByUdp(server, question, limitMs);
  return reply?.kind === "truncated" ? await askByTcp(server, question, limitMs) : reply;
}

async function askByUdp(
  server: DnsServer,
  question: DnsQuestion,
  limitMs: number,
): Promise<DnsReply | undefined> {
  const { address: hostname, port } = server;
  let socket: Deno.DatagramConn;
  try {
    const local = hostname.includes(":") ? "::" : "0.0.0.0";
    // The system chooses a port that is hard to guess.
    socket = Deno.listenDatagram({ transport: "udp", hostname: local, port: 0 });
  } catch {
    return undefined;
  }
  const timer = setTimeout(() => closed(socket), limitMs);
  Deno.unrefTimer(timer);
  try {
    await socket.send(encodeQuestion(question), { transport: "udp", hostname, port });
    const buffer = new Uint8Array(MAX_DATAGRAM);
    for (;;) {
      const [bytes, from] = await socket.receive(buffer);
      const reply = isFrom(server, from) ? readReply(bytes, question) : undefined;
      if (reply !== undefined) return reply;
    }
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    closed(socket);
  }
}

function isFrom({ address, port }: DnsServer, from: Deno.Addr): boolean {
  if (from.transport !== "udp" || from.port !== port) return false;
  const wanted = parsePeerIp(address), found = parsePeerIp(from.hostname);
  return wanted !== undefined && found !== undefined && wanted.length === found.length &&
    wanted.every((byte, i) => byte === found[i]);
}

async function askByTcp(
  { address: hostname, port }: DnsServer,
  question: DnsQuestion,
  limitMs: number,
): Promise<DnsReply | undefined> {
  const abort = new AbortController();
  let conn: Deno.TcpConn | undefined;
  const timer = setTimeout(() => {
    abort.abort();
    if (conn !== undefined) closed(conn);
  }, limitMs);
  Deno.unrefTimer(timer);
  try {
    conn = await Deno.connect({ hostname, port, signal: abort.signal });
    const body = encodeQuestion(question);
    const message = new Uint8Array(2 + body.length);
    new DataView(message.buffer).setUint16(0, body.length);
    message.set(body, 2);
    await writeAll(conn, message);
    const head = await readFully(conn, 2);
    const length = new DataView(head.buffer).getUint16(0);
    const reply = readReply(await readFully(conn, Math.min(length, MAX_LENGTH)), question);
    // It fits now; a server that cuts this as well is broken.
    return reply?.kind === "truncated" ? undefined : reply;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    if (conn !== undefined) closed(conn);
  }
}

/** Reads exactly this many bytes. Throws at an early end. */
async function readFully(conn: Deno.Conn, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const n = await conn.read(bytes.subarray(at));
    if (n === null) throw new Deno.errors.UnexpectedEof();
    at += n;
  }
  return bytes;
}

function closed(socket: { close(): void }): void {
  try {
    socket.close();
  } catch { /* it is closed already */ }
}
