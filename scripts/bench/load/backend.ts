/**
 * `backend.ts PORT`: the same as backend.c, for machines without a C compiler. It is several times
 * slower, so it limits every rate.
 */

import { writeAll } from "../../../lib/base/bytes.ts";

const ANSWER = 200, BLOCK = 1 << 20;
const block = new Uint8Array(BLOCK);
const decoder = new TextDecoder();

function makeAnswer(connection: string): Uint8Array {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: ${connection}\r\n`;
  const length = String(ANSWER - head.length - 23).padStart(3);
  const text = `${head}Content-Length: ${length}\r\n\r\n`;
  return new TextEncoder().encode(text.padEnd(ANSWER, "a"));
}

const answerOpen = makeAnswer("keep-alive"), answerClose = makeAnswer("close");

async function serve(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay(true); // throws if the client is gone
  const buffer = new Uint8Array(65536);
  for (;;) {
    const n = await conn.read(buffer);
    if (n === null) return;
    const text = decoder.decode(buffer.subarray(0, Math.min(n, 256)));
    if (text.startsWith("GET /close ")) return await writeAll(conn, answerClose);
    const bulk = /^(GET|PUT) \/(\d+) /.exec(text);
    if (bulk?.[1] === "GET") {
      await writeAll(conn, answerOpen);
      for (let left = Number(bulk[2]); left > 0; left -= BLOCK) {
        await writeAll(conn, left < BLOCK ? block.subarray(0, left) : block);
      }
      continue;
    }
    if (bulk?.[1] === "PUT") {
      let left = Number(bulk[2]) - (n - (text.indexOf("\r\n\r\n") + 4));
      while (left > 0) left -= (await conn.read(block)) ?? Infinity;
    }
    await writeAll(conn, answerOpen);
  }
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0]) });
console.log("ready");
for (;;) {
  try {
    const conn = await listener.accept();
    serve(conn).catch(() => {}).finally(() => conn.close());
  } catch { /* the client left before it was accepted (NotConnected) */ }
}
