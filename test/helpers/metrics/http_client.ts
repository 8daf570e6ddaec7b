/** Requests as they are written on the wire, also invalid ones. */

import { writeAll } from "../../../lib/base/bytes.ts";
import { readToEnd } from "../net/client.ts";
import { toBytes } from "../bytes.ts";

/** Connects to a metrics server, and sends a text. */
export async function openHttp(port: number, text = ""): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    await writeAll(conn, toBytes(text));
    return conn;
  } catch (error) {
    conn.close();
    throw error;
  }
}

/**
 * Sends a text, and reads to the end of the connection, which the server closes.
 *
 * @returns The status codes of the responses, and everything that was read.
 */
export async function sendRaw(
  port: number,
  text: string,
): Promise<{ statuses: number[]; text: string }> {
  using conn = await openHttp(port, text);
  const read = (await readToEnd(conn, { timeoutMs: 30_000 })).text;
  const heads = read.matchAll(/^HTTP\/1\.1 (\d{3}) /gm);
  return { statuses: [...heads].map(([, status]) => Number(status)), text: read };
}

/** Reads one response with a length, and leaves the connection open. @returns Its status line. */
export async function readResponse(conn: Deno.TcpConn): Promise<string> {
  const buffer = new Uint8Array(65536);
  let text = "";
  for (;;) {
    const end = text.indexOf("\r\n\r\n");
    const length = Number(/^content-length: (\d+)/m.exec(text)?.[1]);
    if (end >= 0 && text.length >= end + 4 + length) return text.split("\r\n")[0] ?? "";
    const count = await conn.read(buffer);
    if (count === null) throw new Error(`the connection ended after [${text}]`);
    text += String.fromCharCode(...buffer.subarray(0, count));
  }
}
