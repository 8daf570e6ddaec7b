import { assertEquals } from "@std/assert";
import { writeAll } from "../../../../lib/base/bytes.ts";
import { serveHttp } from "../../../../lib/report/http/http_server.ts";
import { respondText } from "../../../../lib/report/http/response.ts";
import { Turns } from "../../../../lib/report/http/turns.ts";
import { readToEnd } from "../../../helpers/net/client.ts";
import { freePort } from "../../../helpers/net/ports.ts";
import { t, until } from "../../../helpers/t.ts";

/** A server with few descriptors, and how many of them are taken. */
function startServer({ descriptors, hold }: { descriptors: number; hold?: Promise<void> }) {
  const port = freePort();
  let used = 0;
  const server = serveHttp({ address: "127.0.0.1", port }, {
    async answer({ target }) {
      if (target === "/held") await hold;
      if (target === "/bug") throw new Error("a bug");
      return respondText(200, target);
    },
    descriptors: {
      take() {
        if (used === descriptors) return false;
        used++;
        return true;
      },
      release: () => void used--,
    },
    turns: new Turns(),
  });
  return { port, used: () => used, close: () => server.close() };
}

async function open(port: number, request = ""): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await writeAll(conn, new TextEncoder().encode(request));
  return conn;
}

function get(target: string, more = ""): string {
  return `GET ${target} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
}

/** The bodies of all responses until the end of the connection. */
async function bodies(conn: Deno.TcpConn): Promise<string[]> {
  const { text } = await readToEnd(conn);
  return [...text.matchAll(/\r\n\r\n(.*)\n/g)].map(([, body = ""]) => body);
}

t("serveHttp() gives every descriptor back, also those of broken connections", async () => {
  const server = startServer({ descriptors: 10 });
  const requests = ["", "GET", get("/a"), get("/bug"), "\0\r\n\r\n", get("/a").repeat(100)];
  const conns = await Promise.all(requests.map((request) => open(server.port, request)));
  for (const conn of conns) conn.close();
  // One is always taken for the next connection.
  await until(() => server.used() === 1, { what: "the descriptors" });
  using ended = await open(
    server.port,
    get("/b") + get("/bug") + get("/c", "Connection: close\r\n"),
  );
  assertEquals(await bodies(ended), ["/b", "internal error", "/c"]);
  using idle = await open(server.port);
  await server.close();
  assertEquals((await readToEnd(idle)).text, "");
  assertEquals(server.used(), 0);
});

t(
  "serveHttp() replaces the connection that is idle longest, first one that sent nothing",
  async () => {
    const held = Promise.withResolvers<void>();
    const server = startServer({ descriptors: 4, hold: held.promise });
    const first = await open(server.port, get("/first"));
    await first.read(new Uint8Array(1000));
    const busy = await open(server.port, get("/held", "Connection: close\r\n"));
    using silent = await open(server.port);
    // The fourth place is kept for the next connection, so one of the three gets closed.
    using next = await open(server.port, get("/next", "Connection: close\r\n"));
    assertEquals(await bodies(next), ["/next"]);
    assertEquals((await readToEnd(silent)).text, "");
    const others = [busy];
    for (let i = 0; i < 2; i++) {
      others.push(await open(server.port, get("/held", "Connection: close\r\n")));
    }
    assertEquals((await readToEnd(first)).text, "");
    held.resolve();
    for (const conn of others) assertEquals(await bodies(conn), ["/held"]);
    for (const conn of [first, ...others]) conn[Symbol.dispose]();
    await server.close();
    assertEquals(server.used(), 0);
  },
);

t(
  "serveHttp() lets clients wait while all connections are in use, and ends them in turn",
  async () => {
    const held = Promise.withResolvers<void>();
    const server = startServer({ descriptors: 2, hold: held.promise });
    const waiting = await Promise.all(
      Array.from({ length: 5 }, () => open(server.port, get("/held"))),
    );
    await until(() => server.used() === 2, { what: "two connections" });
    held.resolve();
    for (const conn of waiting.slice(0, 3)) assertEquals(await bodies(conn), ["/held"]);
    await server.close();
    for (const conn of waiting) conn[Symbol.dispose]();
    assertEquals(server.used(), 0);
  },
);
