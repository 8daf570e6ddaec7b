import { assertEquals } from "@std/assert";
import { writeAll } from "../../../../lib/base/bytes.ts";
import { type HttpServerOptions, serveHttp } from "../../../../lib/report/http/http_server.ts";
import { MAX_CONNECTIONS } from "../../../../lib/report/http/places.ts";
import { respondText } from "../../../../lib/report/http/response.ts";
import { Turns } from "../../../../lib/report/http/turns.ts";
import { readResponse } from "../../../helpers/metrics/http_client.ts";
import { readToEnd } from "../../../helpers/net/client.ts";
import { freePort } from "../../../helpers/net/ports.ts";
import { sleep, t, until } from "../../../helpers/t.ts";

/** A server with few descriptors, and how many of them are taken. */
function startServer(
  { descriptors, hold, ...options }:
    & { descriptors: number; hold?: Promise<void> }
    & Pick<HttpServerOptions, "listen">,
) {
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
    ...options,
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

t("serveHttp() closes an idle connection only when another client comes", async () => {
  const server = startServer({ descriptors: MAX_CONNECTIONS + 1 });
  const idle: Deno.TcpConn[] = [];
  for (let i = 0; i < MAX_CONNECTIONS; i++) {
    idle.push(await open(server.port, get("/first")));
    await readResponse(idle.at(-1)!);
  }
  // Longer than a connection must have been idle to be replaced.
  await sleep(500);
  for (const conn of idle) {
    await writeAll(conn, new TextEncoder().encode(get("/second")));
    assertEquals(await readResponse(conn), "HTTP/1.1 200 OK");
  }
  using next = await open(server.port, get("/next"));
  assertEquals(await readResponse(next), "HTTP/1.1 200 OK");
  assertEquals((await readToEnd(idle[0]!)).text, "");
  for (const conn of idle.slice(1)) {
    await writeAll(conn, new TextEncoder().encode(get("/third")));
    assertEquals(await readResponse(conn), "HTTP/1.1 200 OK");
  }
  for (const conn of idle) conn.close();
  await server.close();
  assertEquals(server.used(), 0);
});

t("serveHttp() closes a connection that waits for a place when it ends", async () => {
  const held = Promise.withResolvers<void>();
  const server = startServer({ descriptors: MAX_CONNECTIONS + 1, hold: held.promise });
  const busy = await Promise.all(
    Array.from({ length: MAX_CONNECTIONS }, () => open(server.port, get("/held"))),
  );
  using waiting = await open(server.port, get("/waiting"));
  await until(() => server.used() === MAX_CONNECTIONS + 1, { what: "the last connection" });
  const closed = server.close();
  held.resolve();
  await readToEnd(waiting).catch(() => {});
  await closed;
  for (const conn of busy) conn.close();
  assertEquals(server.used(), 0);
});

t("serveHttp() accepts again after no descriptor was free", async () => {
  let accepts = 0;
  const server = startServer({
    descriptors: 2,
    listen: ({ address, port }) => {
      const listener = Deno.listen({ hostname: address, port });
      return {
        async accept() {
          const conn = await listener.accept();
          if (++accepts > 1) return conn;
          conn.close();
          throw Object.assign(new Error("Too many open files (os error 24)"), { code: "EMFILE" });
        },
        close: () => listener.close(),
      };
    },
  });
  using lost = await open(server.port);
  assertEquals((await readToEnd(lost)).text, "");
  using next = await open(server.port, get("/next", "Connection: close\r\n"));
  assertEquals([await bodies(next), accepts], [["/next"], 2]);
  await server.close();
  assertEquals(server.used(), 0);
});

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
