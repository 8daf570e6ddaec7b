/** The HTTP server of `--metrics`: its pages, and hostile clients. */

import { assert, assertEquals } from "@std/assert";
import { writeAll } from "../../../lib/base/bytes.ts";
import { VERSION } from "../../../lib/base/version.ts";
import {
  get,
  OPENMETRICS,
  scrape,
  startWithMetrics,
  untilMetric,
  value,
} from "../../helpers/metrics/start_with_metrics.ts";
import { echo, hasIpv6, named, refusing } from "../../helpers/net/backends.ts";
import { ask, connect, readLine, readText, readToEnd } from "../../helpers/net/client.ts";
import { controlSession } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { parseMetrics } from "../../helpers/openmetrics.ts";
import { ENGINE, WORKERS } from "../../helpers/program/program.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { skip, t, until } from "../../helpers/t.ts";

t("/metrics has the expected values, and is valid in both formats", async () => {
  await using server = echo();
  await using dead = refusing();
  const port = freePort();
  const argv = [`${port}`, "PORT", dead.address, `${server.address}:7`];
  await using balance = await startWithMetrics(argv, { port });
  await using client = await connect(balance.port);
  await client.send("hello");
  assertEquals(await readText(client, 5), "hello");
  const second = { group: "0", channel: "1", backend: server.address };
  // A worker counts bytes a moment after the client has them.
  const now = await untilMetric(port, "balance_channel_received_bytes_total", second, 5);
  const expected: [string, Record<string, string>, number][] = [
    ["balance_build_info", { version: VERSION, engine: ENGINE }, 1],
    ["balance_healthy", {}, 1],
    ["balance_workers", {}, WORKERS],
    ["balance_connections", {}, 1],
    ["balance_connections_accepted_total", {}, 1],
    ["balance_connections_ended_total", { reason: "client_closed" }, 0],
    ["balance_connect_failures_total", { reason: "refused" }, 1],
    ["balance_connect_failures_total", { reason: "no_descriptor" }, 0],
    ["balance_channel_enabled", { channel: "0", backend: dead.address }, 1],
    ["balance_channel_connect_failures_total", { channel: "0" }, 1],
    ["balance_channel_connect_failures_total", second, 0],
    ["balance_channel_available", second, 1],
    ["balance_channel_connections", second, 1],
    ["balance_channel_max_connections", second, 7],
    ["balance_channel_attempts_total", { channel: "0" }, 1],
    ["balance_channel_attempts_total", second, 1],
    ["balance_channel_sent_bytes_total", second, 5],
    ["balance_channel_received_bytes_total", second, 5],
    ["balance_channel_connect_seconds_count", second, 1],
    ["balance_channel_connect_seconds_count", { channel: "0" }, 0],
    ["balance_channel_connect_seconds_bucket", { ...second, le: "10.0" }, 1],
    ["balance_messages_dropped_total", {}, 0],
    ["balance_log_dropped_lines_total", {}, 0],
    ["balance_dump_dropped_chunks_total", {}, 0],
    ["balance_connection_fds", {}, 2],
  ];
  for (const [name, labels, wanted] of expected) {
    assertEquals(value(now, name, labels), wanted, `${name} ${JSON.stringify(labels)}`);
  }
  for (const name of ["balance_uptime_seconds", "process_cpu_seconds_total", "process_max_fds"]) {
    assert((value(now, name) ?? 0) > 0, name);
  }
  const started = value(now, "process_start_time_seconds") ?? 0;
  assert(Math.abs(Date.now() / 1000 - started) < 60, `${started}`);

  await client.closeWrite();
  await readToEnd(client);
  const later = await untilMetric(port, "balance_connections", {}, 0);
  assertEquals(value(later, "balance_connections_ended_total", { reason: "client_closed" }), 1);
  assertEquals(value(later, "balance_connection_fds"), 0);

  const text = await get(port, "/metrics");
  assertEquals(text.type, "text/plain; version=0.0.4; charset=utf-8");
  assertEquals([...parseMetrics(text.text, "text").keys()], [...later.keys()]);
  assertEquals(
    (await get(port, "/metrics", OPENMETRICS)).type,
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
  );
});

t("several workers share their metrics", async () => {
  await using server = named("B0");
  const port = freePort();
  const argv = [`${port}`, "--workers", "2", "PORT", server.address];
  await using balance = await startWithMetrics(argv, { port });
  await Promise.all(Array.from({ length: 40 }, () => ask(balance.port)));
  const now = await untilMetric(port, "balance_connections", {}, 0);
  assertEquals(value(now, "balance_workers"), 2);
  assertEquals(value(now, "balance_connections_accepted_total"), 40);
  assertEquals(value(now, "balance_channel_connect_seconds_count"), 40);
  assertEquals(value(now, "balance_connections_ended_total", { reason: "client_closed" }), 40);
});

t("/healthz fails when no channel is available, and during shutdown", async () => {
  await using first = named("B0");
  await using second = named("B1");
  const port = freePort();
  const argv = [`${port}`, "PORT", first.address, "!", `${second.address}:1`];
  await using balance = await startWithMetrics(argv, { port });
  using control = await controlSession(balance.socket);
  const health = async () => {
    const { status, text } = await get(port, "/healthz");
    return `${status} ${text.trim()}`;
  };
  assertEquals(await health(), "200 ok");
  await control.ask("disable 0");
  assertEquals(await health(), "200 ok");
  // The other group has one channel with maxc 1.
  await using client = await connect(balance.port);
  assertEquals(await readLine(client), "B1");
  assertEquals(await health(), "503 no channel available");
  assertEquals(
    value(await scrape(port), "balance_channel_available", { group: "1" }),
    0,
  );
  await control.ask("enable 0");
  assertEquals(await health(), "200 ok");
  // While connections drain, no new clients should be sent here.
  balance.kill();
  await until(() => !listensOn(balance.port, balance.pid), { what: "the listener to close" });
  assertEquals(await health(), "503 shutting down");
  const status = JSON.parse((await get(port, "/status.json")).text);
  assertEquals([status.stopping, status.healthy, status.totals.connections], [true, false, 1]);
});

t("/healthz fails while no backend can be reached, until an attempt succeeds", async () => {
  const port = freePort(), first = freePort();
  await using second = refusing();
  const argv = [`${port}`, "PORT", `127.0.0.1:${first}`, "!", second.address];
  await using balance = await startWithMetrics(argv, { port });
  using control = await controlSession(balance.socket);
  const health = async () => {
    const { status, text } = await get(port, "/healthz");
    const { healthy, groups } = JSON.parse((await get(port, "/status.json")).text);
    const metric = value(await scrape(port), "balance_healthy");
    // A page may be a second old.
    if (healthy !== (status === 200) || metric !== Number(healthy)) return "pages differ";
    const unreachable = groups.map(({ channels }: { channels: { unreachable: boolean }[] }) =>
      channels[0]?.unreachable
    );
    return `${status} ${text.trim()}, unreachable: ${unreachable.join(" ")}`;
  };
  const becomes = async (wanted: string) => {
    let found = "";
    await until(async () => (found = await health()) === wanted, {
      what: () => `${wanted} instead of ${found}`,
    });
  };
  // Before the first attempt nothing is known.
  await becomes("200 ok, unreachable: false false");
  const none = "503 no backend reachable, unreachable: true true";
  await ask(balance.port);
  await becomes(none);
  {
    await using _server = named("B0", { port: first });
    assertEquals(await ask(balance.port), "B0");
    await becomes("200 ok, unreachable: false true");
  }
  await until(async () => (await ask(balance.port)) !== "B0", { what: "the backend to stop" });
  await becomes(none);
  // The operator overrules the last attempt.
  assertEquals((await control.ask("disable 0")).failed, false);
  await becomes(none);
  await control.ask("enable 0");
  await becomes("200 ok, unreachable: false true");
  await ask(balance.port);
  await becomes(none);
  // Another address has not been tried yet.
  await control.ask("disable 0");
  await control.ask("assign 0 127.0.0.1 9");
  await control.ask("enable 0");
  await becomes("200 ok, unreachable: false true");
});

t("with -a, /healthz fails until a failed channel is enabled", async () => {
  const port = freePort();
  await using dead = refusing();
  await using balance = await startWithMetrics([`${port}`, "-a", "PORT", dead.address], {
    port,
    expectStderr: /needs to be enabled manually/,
  });
  using control = await controlSession(balance.socket);
  await ask(balance.port);
  assertEquals((await get(port, "/healthz")).text, "no channel available\n");
  await control.ask("enable 0");
  assertEquals((await get(port, "/healthz")).text, "ok\n");
});

t("/status.json describes the program, its groups and totals", async () => {
  await using server = echo();
  const port = freePort();
  const argv = [`127.0.0.1:${port}`, "PORT", server.address, "%"];
  await using balance = await startWithMetrics(argv, { port });
  await using client = await connect(balance.port);
  await client.send("hello");
  await readText(client, 5);
  // A worker counts bytes a moment after the client has them.
  await until(async () => {
    const { text } = await get(port, "/status.json");
    return JSON.parse(text).totals.rcvd === 5;
  });
  const { type, text } = await get(port, "/status.json");
  assertEquals(type, "application/json");
  const status = JSON.parse(text);
  const { version, engine, pid, workers } = status;
  assertEquals([version, engine, pid, workers], [VERSION, ENGINE, balance.pid, WORKERS]);
  assertEquals(status.listener, { address: "0.0.0.0", port: balance.port });
  assert(status.uptimeSeconds > 0 && status.uptimeSeconds < 60);
  const [group] = status.groups;
  assertEquals([status.groups.length, group.group, group.type], [1, 0, "hash"]);
  const { connectMsMean, ...channel } = group.channels[0];
  assert(connectMsMean > 0 && connectMsMean < 5000, `${connectMsMean}`);
  assertEquals(channel, {
    channel: 0,
    address: "127.0.0.1",
    port: server.port,
    state: "enabled",
    available: true,
    unreachable: false,
    c: 1,
    totalc: 1,
    maxc: 0,
    sent: 5,
    rcvd: 5,
    connects: 1,
    connectFailures: 0,
    health: "unknown",
    weight: 1,
    effectiveWeight: 1,
  });
  assertEquals([status.totals.accepted, status.totals.sent, status.totals.rcvd], [1, 5, 5]);
  assertEquals(status.dropped, { messages: 0, logLines: 0, dumpChunks: 0 });
  assertEquals(status.descriptors.connections, 2);
});

t("the metrics server accepts only GET and HEAD of three paths", async () => {
  await using server = named("B0");
  const port = freePort();
  await using _balance = await startWithMetrics([`${port}`, "PORT", server.address], { port });
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"]) {
    for (const path of ["/metrics", "/healthz", "/none"]) {
      assertEquals((await get(port, path, { method })).status, 405, method);
    }
  }
  for (const path of ["/metrics", "/healthz", "/status.json"]) {
    const head = await get(port, path, { method: "HEAD" });
    assertEquals([head.status, head.text], [200, ""], path);
  }
  for (const path of ["/", "/metrics/", "/Metrics", "//metrics", "/../metrics/x", "/%00"]) {
    assertEquals((await get(port, path)).status, 404, path);
  }
  assertEquals((await get(port, "/healthz?full=1")).status, 200);
});

t("hostile clients of the metrics server do not affect other clients", async () => {
  await using server = named("B0");
  const port = freePort();
  await using balance = await startWithMetrics([`${port}`, "PORT", server.address], { port });
  const before = await balance.quietFds();
  const encoder = new TextEncoder();
  const attacks = [
    "\0\x01\x02\xff\r\n\r\n",
    "GET /metrics HTTP/9.9\r\n\r\n",
    'GET /metrics HTTP/1.1\r\nHost: a b<>"\r\n\r\n',
    `GET /${"x".repeat(1 << 20)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `GET /metrics HTTP/1.1\r\n${"X: y\r\n".repeat(100_000)}\r\n`,
    "GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999\r\n\r\nx",
    "POST /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    "GET http:// HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\0\0",
    "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: " + "a/b;q=0.1,".repeat(500) + "\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(200),
    "GET /metr",
  ];
  const held: Deno.TcpConn[] = [];
  const sending: Promise<void>[] = [];
  for (const attack of attacks) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    held.push(conn);
    // The server may close or stop reading meanwhile; its answer is not read.
    sending.push(writeAll(conn, encoder.encode(attack)).catch(() => {}));
    assertEquals(await ask(balance.port), "B0", JSON.stringify(attack.slice(0, 40)));
    assertEquals((await get(port, "/healthz")).status, 200);
  }
  for (const conn of held) conn[Symbol.dispose]();
  await Promise.all(sending);
  await balance.settledFds(before + 2);
});

t("the program ends within two seconds although a metrics client never reads", async () => {
  await using server = named("B0");
  const port = freePort();
  await using balance = await startWithMetrics([`${port}`, "PORT", server.address], { port });
  const request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
  using stuck = await Deno.connect({ hostname: "127.0.0.1", port });
  // The answers exceed the socket buffers.
  await writeAll(stuck, new TextEncoder().encode(request.repeat(1000)));
  using _idle = await Deno.connect({ hostname: "127.0.0.1", port });
  const started = performance.now();
  assertEquals((await balance.stop()).code, 0);
  assert(performance.now() - started < 2000, `${performance.now() - started} ms`);
});

t(
  "a metrics address in use ends the start with one line and exit code 69",
  async () => {
    await using server = named("B0");
    for (const mode of [["-f"], []]) {
      const argv = [...mode, "--metrics", `${server.port}`, "PORT", server.address];
      const { code, stderr } = await runBalance(argv);
      assertEquals([code, stderr], [
        69,
        `balance: can't bind metrics address 127.0.0.1:${server.port}: address already in use\n`,
      ]);
    }
    const { code, stderr } = await runBalance(["-f", "--metrics", "x", "PORT", server.address]);
    assertEquals([code, stderr], [
      64,
      "invalid --metrics [x]: want [ADDR:]PORT, an IPv6 address in brackets\n",
    ]);
  },
);

if (hasIpv6) {
  t("--metrics [::1]:PORT listens on IPv6", async () => {
    await using server = named("B0");
    const port = freePort();
    const argv = [`[::1]:${port}`, "PORT", server.address];
    await using _balance = await startWithMetrics(argv, { port });
    assertEquals((await get(port, "/healthz", { host: "[::1]" })).status, 200);
  });
} else skip("--metrics [::1]:PORT listens on IPv6", "there is no IPv6 on loopback");
