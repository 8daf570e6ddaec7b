/** What clients of the metrics server cannot take from balance: descriptors, places and time. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { openHttp, readResponse, sendRaw } from "../../helpers/metrics/http_client.ts";
import { get, scrape, startWithMetrics, value } from "../../helpers/metrics/start_with_metrics.ts";
import { echo, named } from "../../helpers/net/backends.ts";
import { ask, connect, readText, readToEnd } from "../../helpers/net/client.ts";
import { controlSession, talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { later, t, until, within, withTools } from "../../helpers/t.ts";

/** What the proxy prints when descriptors run out; the metrics server adds nothing. */
const SHORTAGE = /^(cannot (accept|connect).*\n)*$/;
const HEALTHZ = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
/** A client may be idle, take for a request head, and not read, for this long. */
const LIMIT_MS = 10_000;
/** Nine of ten pings are echoed within this time while pages are rendered; measured: 8 to 44 ms. */
const MAX_PING_MS = 500;

t("the metrics server answers after descriptors ran out, and the exit code stays 0", async () => {
  await using server = echo();
  const port = freePort();
  const argv = [`${port}`, "PORT", server.address];
  await using balance = await startWithMetrics(argv, {
    port,
    before: "ulimit -n 256",
    expectStderr: SHORTAGE,
  });
  const sessions = await Promise.all(
    Array.from({ length: 60 }, () => controlSession(balance.socket)),
  );
  const clients: Deno.TcpConn[] = [];
  const connecting = Array.from({ length: 300 }, async () => {
    clients.push(await Deno.connect({ hostname: "127.0.0.1", port: balance.port }));
  });
  await Promise.all(connecting);
  await within(Promise.all(Array.from({ length: 40 }, () => get(port, "/metrics"))), {
    timeoutMs: 30_000,
    what: "the metrics",
  });
  for (const conn of clients) conn.close();
  for (const session of sessions) session[Symbol.dispose]();
  await until(async () => {
    const now = await scrape(port);
    const accepted = value(now, "balance_connections_accepted_total");
    return accepted === 300 && value(now, "balance_connections") === 0;
  }, { timeoutMs: 30_000, what: "all connections to end" });
  const { code, stderr } = await balance.stop();
  assertEquals(code, 0);
  assertMatch(stderr, SHORTAGE);
});

withTools(
  ["prlimit"],
  "while no descriptor is free, clients of the metrics server wait, and are served afterwards",
  async () => {
    await using server = named("B0");
    const port = freePort();
    const argv = [`${port}`, "PORT", server.address];
    const options = { port, expectStderr: /^cannot accept connections: Too many open files\n/ };
    await using balance = await startWithMetrics(argv, options);
    const setLimit = async (soft: number) => {
      const args = ["--pid", String(balance.pid), `--nofile=${soft}:`];
      assert((await new Deno.Command("prlimit", { args }).output()).success);
    };
    const before = await balance.quietFds();
    await setLimit(3);
    using waiting = await openHttp(port, HEALTHZ.replace("Host", "Connection: close\r\nHost"));
    const asked = ask(balance.port);
    await balance.waitForStderr(/cannot accept connections/);
    // The client of the metrics server came first: its accept has failed, too.
    await setLimit(1024);
    assertMatch((await readToEnd(waiting)).text, /^HTTP\/1\.1 200 OK\r\n/);
    assertEquals(await asked, "B0");
    assertEquals((await get(port, "/healthz")).status, 200);
    await balance.settledFds(before + 1);
    assertEquals((await balance.stop()).code, 0);
  },
);

for (const [name, request] of [["idle", ""], ["unfinished", "GET /metr"], ["used", HEALTHZ]]) {
  t(`999 ${name} connections to the metrics server leave the proxy its descriptors`, async () => {
    await using server = named("B0");
    const port = freePort();
    const argv = [`${port}`, "PORT", server.address];
    await using balance = await startWithMetrics(argv, { port, before: "ulimit -n 1024" });
    const before = await balance.quietFds();
    const held: Deno.TcpConn[] = [];
    try {
      for (let i = 0; i < 999; i++) {
        try {
          held.push(await openHttp(port, request));
        } catch (error) {
          // It was replaced at once.
          const { ConnectionReset, BrokenPipe } = Deno.errors;
          if (!(error instanceof ConnectionReset || error instanceof BrokenPipe)) throw error;
        }
      }
      for (let i = 0; i < 6; i++) assertEquals(await ask(balance.port), "B0");
      assertMatch(await talk(balance.socket, "show\n"), /ENA/);
      assertEquals(value(await scrape(port), "balance_connections_accepted_total"), 6);
      // 32 connections, the next one, and what the proxy and control sessions have for a moment.
      assert(
        balance.fds() <= before + 32 + 1 + 4,
        `${balance.fds()} descriptors, ${before} before`,
      );
    } finally {
      for (const conn of held) conn.close();
    }
    await balance.settledFds(before + 2);
  });
}

t("connections that send no request, half of one or read nothing are closed in time", async () => {
  await using server = named("B0");
  const port = freePort();
  const argv = [`${port}`, "PORT", server.address];
  await using balance = await startWithMetrics(argv, { port });
  const before = await balance.quietFds();
  const started = performance.now();
  /** Milliseconds until the server closes a connection, which sends `more` every second. */
  const closedAfter = async (request: string, more = "") => {
    using conn = await openHttp(port, request);
    if (request === HEALTHZ) assertEquals(await readResponse(conn), "HTTP/1.1 200 OK");
    const trickle = setInterval(() => {
      conn.write(new TextEncoder().encode(more)).catch(() => {});
    }, 1000);
    try {
      assertEquals((await readToEnd(conn, { timeoutMs: 30_000 })).text, "");
      return performance.now() - started;
    } finally {
      clearInterval(trickle);
    }
  };
  // The responses exceed the socket buffers.
  using unread = await openHttp(port);
  const requests = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(5000);
  const sending = unread.write(new TextEncoder().encode(requests)).catch(() => {});
  const times = await Promise.all([
    closedAfter(""),
    closedAfter("GET /metrics HTTP/1.1\r\nHost: localhost\r\n"),
    closedAfter("GET /metrics HTTP/1.1\r\nHost: localhost\r\n", "X: y\r\n"),
    closedAfter(HEALTHZ),
  ]);
  for (const ms of times) assert(ms >= LIMIT_MS - 500 && ms < 2.5 * LIMIT_MS, `${ms} ms`);
  // Although its client still has it open.
  await balance.settledFds(before + 1, 20_000);
  unread.close();
  await sending;
  assertEquals((await get(port, "/healthz")).status, 200);
});

t("clients that read slowly do not keep others from being served", async () => {
  await using server = named("B0");
  const port = freePort();
  const argv = [`${port}`, "PORT", server.address];
  await using balance = await startWithMetrics(argv, { port });
  const requests = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(5000);
  const slow = await Promise.all(Array.from({ length: 20 }, () => openHttp(port)));
  const sending = slow.map((conn) =>
    conn.write(new TextEncoder().encode(requests)).catch(() => {})
  );
  const started = performance.now();
  for (let i = 0; i < 20; i++) assertEquals((await get(port, "/healthz")).status, 200);
  assert(performance.now() - started < LIMIT_MS, `${performance.now() - started} ms`);
  assertEquals(await ask(balance.port), "B0");
  for (const conn of slow) conn.close();
  await Promise.all(sending);
});

t("64 clients that scrape at once all get whole pages, while the proxy serves", async () => {
  await using server = echo();
  const port = freePort();
  const channels = Array.from({ length: 16 }, () => [...Array(16).fill(server.address), "!"]);
  const argv = [`${port}`, "PORT", ...channels.flat()];
  await using balance = await startWithMetrics(argv, { port });
  await using client = await connect(balance.port);
  let scraping = true;
  const pings: number[] = [];
  const pinging = later((async () => {
    while (scraping) {
      const sent = performance.now();
      await client.send("ping");
      assertEquals(await readText(client, 4), "ping");
      pings.push(performance.now() - sent);
    }
  })());
  const request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  const scrapes = Array.from({ length: 64 }, async () => {
    using conn = await openHttp(port, request);
    return (await readToEnd(conn, { timeoutMs: 60_000 })).text;
  });
  // They are checked later: that takes time.
  const pages = await Promise.all(scrapes);
  scraping = false;
  await pinging;
  // Without pauses between the pieces of pages, there are 8, which take up to seconds.
  assert(pings.length >= 32, `${pings.length} pings`);
  const slow = pings.filter((ms) => ms > MAX_PING_MS).length;
  assert(slow <= pings.length / 10, `${slow} of ${pings.length} pings were slow: ${pings}`);
  for (const text of pages) {
    assertMatch(text, /^HTTP\/1\.1 200 OK\r\n/);
    assertEquals(text.split("\nbalance_channel_enabled{").length - 1, 256);
    assert(text.split("\n").at(-2)?.startsWith("process_max_fds "));
  }
  assertEquals((await get(port, "/status.json")).status, 200);
});

t("the metrics server keeps connections, and answers pipelined requests in order", async () => {
  await using server = named("B0");
  const port = freePort();
  await using _balance = await startWithMetrics([`${port}`, "PORT", server.address], { port });
  const to = (path: string, more = "", first = "GET") =>
    `${first} ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
  const close = "Connection: close\r\n";
  const pipelined = to("/healthz") + to("/none") + to("/healthz", "Content-Length: 0\r\n") +
    to("/none", "", "POST") + to("/healthz", "", "HEAD") + to("/status.json", close) + to("/none");
  const { statuses, text } = await sendRaw(port, pipelined);
  assertEquals(statuses, [200, 404, 200, 405, 200, 200]);
  assertMatch(text, /\r\n\r\nok\nHTTP[^]*\r\nallow: GET, HEAD\r\n[^]*\r\nconnection: close\r\n/);
  assertMatch(text, /\r\n\r\nmethod not allowed: use GET or HEAD\n/);
  assertMatch(text, /\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/);
  assertMatch(text, /\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n/);

  const gzip = to("/metrics", `Accept-Encoding: gzip\r\n${close}`);
  assertMatch((await sendRaw(port, gzip)).text, /\r\ncontent-encoding: gzip\r\n/);

  using kept = await openHttp(port, "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  assertEquals(await readResponse(kept), "HTTP/1.1 200 OK");
  const cases: [string, number][] = [
    ["GET /healthz HTTP/1.0\r\n\r\n", 200],
    ["GET /healthz HTTP/1.1\r\n\r\n", 400],
    ["GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400],
    ["GET * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400],
    ["GET healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400],
    ["GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n", 400],
    ["\0\x01\x02\r\n\r\n", 400],
    [to("/healthz", "Content-Length: 5\r\n") + "hello", 413],
    [to("/healthz", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", 413],
    [to("/healthz", "Content-Length: 5\r\n", "POST") + "hello" + to("/healthz"), 405],
    [to("/healthz", "Content-Length: 1\r\nContent-Length: 2\r\n"), 400],
    [to(`/${"x".repeat(9000)}`), 431],
    [to("/healthz", "X: y\r\n".repeat(100_000)), 431],
    ["GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n", 505],
  ];
  for (const [request, status] of cases) {
    const response = await sendRaw(port, request);
    assertEquals(response.statuses, [status], request.slice(0, 60));
    if (status === 413) assertMatch(response.text, /\nrequest bodies are not accepted\n$/);
  }
});

t("a page above 2 MiB is generated for two clients at once, and others get 503", async () => {
  await using server = named("B0");
  const port = freePort();
  const channels = Array.from({ length: 64 }, () => [...Array(16).fill(server.address), "!"]);
  const argv = [`${port}`, "--max-groups", "64", "PORT", ...channels.flat()];
  await using balance = await startWithMetrics(argv, { port });
  const request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  const before = balance.rss();
  const whole = await sendRaw(port, request);
  assertEquals(whole.statuses, [200]);
  assertMatch(whole.text, /\r\ntransfer-encoding: chunked\r\n[^]*\r\n0\r\n\r\n$/);
  // Of a body without chunks, the end is that of the connection.
  const old = await sendRaw(port, "GET /metrics HTTP/1.0\r\n\r\n");
  const body = old.text.slice(old.text.indexOf("\r\n\r\n") + 4);
  assertEquals(body.split("\nbalance_channel_enabled{").length - 1, 1024);
  assert(body.length > 2 << 20, `${body.length} bytes`);
  // Several pages exceed the socket buffers.
  const several = request.replace("Connection: close\r\n", "").repeat(5);
  const unread = [await openHttp(port, several), await openHttp(port, several)];
  await until(async () => (await sendRaw(port, request)).statuses[0] === 503, {
    what: "two unread pages",
  });
  assertMatch((await sendRaw(port, request)).text, /\r\nretry-after: 1\r\n/);
  assertEquals((await get(port, "/healthz")).status, 200);
  assertEquals(await ask(balance.port), "B0");
  assert(balance.rss() < before + (64 << 20), `${balance.rss()} bytes, ${before} before`);
  for (const conn of unread) conn.close();
  await until(async () => (await sendRaw(port, request)).statuses[0] === 200, {
    timeoutMs: 20_000,
    what: "the page",
  });
});
