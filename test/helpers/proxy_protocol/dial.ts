import { assertEquals } from "@std/assert";
import { writeAll } from "../../../lib/base/bytes.ts";
import type { ConnectionInfo } from "../../../lib/base/connection_info.ts";
import { toBytes } from "../bytes.ts";
import { readToEnd } from "../net/client.ts";
import { talk } from "../net/control_socket.ts";
import type { Address } from "./reference.ts";

/** A connection with the addresses that a header must name. */
export interface Dialed extends Disposable {
  readonly conn: Deno.TcpConn;
  readonly source: Address;
  readonly destination: Address;
}

/**
 * Connects, and sends some bytes.
 *
 * @param hostname Of the destination, such as `127.0.0.5`, which no other hop then has.
 */
export async function dial(
  hostname: string,
  port: number,
  bytes: Uint8Array<ArrayBuffer> | string = "",
): Promise<Dialed> {
  const conn = await Deno.connect({ hostname, port });
  conn.setNoDelay(true);
  const { localAddr, remoteAddr } = conn;
  const result: Dialed = {
    conn,
    source: { address: localAddr.hostname, port: localAddr.port },
    destination: { address: remoteAddr.hostname, port: remoteAddr.port },
    [Symbol.dispose]: () => conn[Symbol.dispose](),
  };
  try {
    await writeAll(conn, toBytes(bytes));
    return result;
  } catch (error) {
    conn.close();
    throw error;
  }
}

/** Sends an HTTP request over a new connection. @returns The words of the body, and the addresses. */
export async function getWords(
  hostname: string,
  port: number,
  before: Uint8Array<ArrayBuffer> | string = "",
): Promise<{ words: string[]; source: Address; destination: Address }> {
  using dialed = await dial(hostname, port, before);
  const { conn, source, destination } = dialed;
  await writeAll(conn, toBytes("GET / HTTP/1.0\r\n\r\n"));
  const { text } = await readToEnd(conn);
  const body = text.slice(text.indexOf("\r\n\r\n") + 4);
  return { words: body.trim().split(" "), source, destination };
}

/** The open connections, as `conns --json` lists them. */
export async function connections(socket: string): Promise<ShownConnection[]> {
  return JSON.parse(await talk(socket, "conns --json\n"));
}

/** A connection as `conns --json` shows it. */
export type ShownConnection = ConnectionInfo & { readonly peer?: Address };

/** The words that {@linkcode getWords} returns if a server names these addresses. */
export function wordsOf({ source, destination }: Pick<Dialed, "source" | "destination">): string[] {
  return [source.address, String(source.port), destination.address, String(destination.port)];
}

/** Asserts that `conns` shows the addresses of a connection, and a proxy on 127.0.0.1 as its peer. */
export async function assertIdentified(
  socket: string,
  { source, destination }: Dialed,
): Promise<void> {
  const shown = await connections(socket);
  const own = shown.find((one) => one.client.port === source.port);
  assertEquals(own?.client, source, JSON.stringify(shown));
  assertEquals(own?.listener, destination);
  assertEquals(own?.peer?.address, "127.0.0.1");
}
