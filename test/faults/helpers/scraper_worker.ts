/**
 * A worker that scrapes in a loop, so that the latencies in the main thread are not its own.
 *
 * Its first message is a {@linkcode ScrapeOrder}; after the time in it, it posts a
 * {@linkcode ScrapeResult}.
 *
 * @module
 */
import { writeAll } from "../../../lib/base/bytes.ts";

/** What to scrape. */
export interface ScrapeOrder {
  readonly port: number;
  readonly connections: number;
  readonly ms: number;
}

/** What was scraped. */
export interface ScrapeResult {
  readonly pages: number;
  readonly errors: readonly string[];
}

const REQUEST = new TextEncoder().encode("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");

/** Reads one response. @returns Whether the connection goes on. */
async function scrapeOnce(conn: Deno.Conn, buffer: Uint8Array<ArrayBuffer>): Promise<boolean> {
  await writeAll(conn, REQUEST);
  let head = "", last = "", got = 0;
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) throw new Error(`the response ended after ${got} bytes`);
    got += count;
    if (!head.includes("\r\n\r\n")) head += text(buffer.subarray(0, Math.min(count, 4096)));
    last = (last + text(buffer.subarray(Math.max(0, count - 5), count))).slice(-5);
    const end = head.indexOf("\r\n\r\n"), length = /^content-length: (\d+)/m.exec(head)?.[1];
    if (end < 0) continue;
    // Without a length, the body is chunked.
    if (length === undefined ? last === "0\r\n\r\n" : got >= end + 4 + Number(length)) break;
  }
  if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(head.slice(0, 80));
  return !/^connection: close/m.test(head);
}

function text(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

async function loop(order: ScrapeOrder, end: number, errors: string[]): Promise<number> {
  const buffer = new Uint8Array(262_144);
  let pages = 0;
  while (performance.now() < end) {
    try {
      using conn = await Deno.connect({ hostname: "127.0.0.1", port: order.port });
      for (let alive = true; alive && performance.now() < end; pages++) {
        alive = await scrapeOnce(conn, buffer);
      }
    } catch (error) {
      errors.push(`${error}`);
    }
  }
  return pages;
}

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<ScrapeOrder>) => void) | null;
  postMessage(result: ScrapeResult): void;
};

scope.onmessage = async ({ data: order }) => {
  const end = performance.now() + order.ms, errors: string[] = [];
  const loops = Array.from({ length: order.connections }, () => loop(order, end, errors));
  const pages = (await Promise.all(loops)).reduce((sum, one) => sum + one, 0);
  scope.postMessage({ pages, errors });
};
