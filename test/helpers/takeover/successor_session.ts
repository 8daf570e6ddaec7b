import { assertEquals } from "@std/assert";
import { writeAll } from "../../../lib/base/bytes.ts";
import { connectUnix } from "../net/control_socket.ts";

/** A session on the control socket, as a successor has it. */
export async function successorSession(path: string) {
  const conn = await connectUnix(path);
  const decoder = new TextDecoder(), buffer = new Uint8Array(1 << 16);
  let text = "";
  async function line() {
    while (!text.includes("\n")) {
      // A reset, if it has not read everything.
      const n = await conn.read(buffer).catch(() => null);
      if (n === null) return undefined;
      text += decoder.decode(buffer.subarray(0, n));
    }
    const end = text.indexOf("\n"), first = text.slice(0, end);
    text = text.slice(end + 1);
    return JSON.parse(first);
  }
  const send = (what: string) => writeAll(conn, new TextEncoder().encode(`${what}\n`));
  await send(".hello");
  assertEquals((await line()).takeover, 1);
  return { line, send, [Symbol.dispose]: () => conn.close() };
}
