/** Trusted peers that send nothing, too little, too slowly or garbage, or leave too early. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { randomBytes } from "../../helpers/bytes.ts";
import { canReset, echo } from "../../helpers/net/backends.ts";
import { connect, exchange, readExactly, readText, readToEnd } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import {
  scrape,
  startWithMetrics,
  untilMetric,
  value,
} from "../../helpers/metrics/start_with_metrics.ts";
import type { Controlled } from "../../helpers/program/start_controlled.ts";
import { connections, dial } from "../../helpers/proxy_protocol/dial.ts";
import { v1, v2, v2Raw, withPayload } from "../../helpers/proxy_protocol/reference.ts";
import { skip, sleep, t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const SOURCE = { address: "192.0.2.1", port: 56324 };
const DESTINATION = { address: "198.51.100.7", port: 443 };
const V1 = v1(SOURCE, DESTINATION), V2 = v2(SOURCE, DESTINATION, { crc: true });
const TRUST = ["--accept-proxy", "127.0.0.0/8"];

/** Errors of headers in all, by the metrics. */
async function headerErrors(metrics: number): Promise<number> {
  const family = (await scrape(metrics)).get("balance_proxy_header_errors");
  return family!.samples.reduce((sum, { value }) => sum + value, 0);
}

/** Waits until nothing is open, and all descriptors are free. */
async function settled(balance: Controlled, metrics: number, fds: number): Promise<void> {
  await untilMetric(metrics, "balance_connections", {}, 0);
  await untilMetric(metrics, "balance_connections_closing", {}, 0);
  await balance.settledFds(fds);
}

async function start(...args: string[]): Promise<{ balance: Controlled; metrics: number }> {
  const metrics = freePort();
  const balance = await startWithMetrics([`127.0.0.1:${metrics}`, ...TRUST, ...args], {
    port: metrics,
    expectStderr: "any",
  });
  // Its connection is kept, and has a descriptor.
  await scrape(metrics);
  return { balance, metrics };
}

t(
  "1,000 trusted peers that send nothing, and slow ones, end after 5 s and harm nobody",
  async () => {
    await using server = echo();
    using dir = tempDir();
    const log = `${dir.path}/log`;
    const { balance, metrics } = await start("--log", log, "PORT", server.address);
    await using _balance = balance;
    await exchange(balance.port, withPayload(V1, "warm up"));
    const before = await balance.quietFds();
    const started = performance.now();
    const silent = await Promise.all(
      Array.from({ length: 1000 }, () => connect(balance.port)),
    );
    // One byte a second: the time counts from the start, not from the last byte.
    const slow = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const { conn } = await dial("127.0.0.1", balance.port);
      return { conn, bytes: i % 2 === 0 ? V1 : V2 };
    }));
    const ends = Promise.all([
      ...silent.map((client) => readToEnd(client, { timeoutMs: 30_000 })),
      ...slow.map(({ conn }) => readToEnd(conn, { timeoutMs: 30_000 })),
    ]).then(() => performance.now() - started);
    const trickled = Promise.all(slow.map(async ({ conn, bytes }) => {
      for (const byte of bytes) {
        try {
          await conn.write(Uint8Array.of(byte));
        } catch {
          return;
        }
        await sleep(1000);
      }
    }));

    // Others are served meanwhile.
    for (let i = 0; i < 20; i++) {
      assertEquals(
        new TextDecoder().decode(await exchange(balance.port, withPayload(V2, "x"))),
        "x",
      );
    }
    const ms = await ends;
    assert(ms > 4500, `ended after ${ms} ms`);
    await trickled;
    for (const client of silent) await client.close();
    for (const { conn } of slow) conn.close();
    assertEquals(server.accepted, 21);
    await untilMetric(metrics, "balance_proxy_header_errors_total", { cause: "timeout" }, 1020);
    await untilMetric(
      metrics,
      "balance_connections_ended_total",
      { reason: "bad_proxy_header" },
      1020,
    );
    await settled(balance, metrics, before);
    // Few lines, however many peers there were.
    const lines = balance.stderr.trimEnd().split("\n");
    assert(lines.length < 100, `${lines.length} lines`);
    const refused = Deno.readTextFileSync(log).split("\n").filter((line) => /bad_proxy/.test(line));
    assertEquals(refused.length, 1);
    assertMatch(refused[0]!, / duration_ms=(?:4[5-9]\d\d|[5-9]\d{3}|\d{5}) .* cause=timeout$/);
  },
);

t(
  "bytes that are not a header are refused at once, counted by cause, and never relayed",
  async () => {
    await using server = echo();
    const { balance, metrics } = await start("PORT", server.address);
    await using _balance = balance;
    const before = await balance.quietFds();
    const body = new Uint8Array(12), wrongSum = V2.slice();
    wrongSum[20]! ^= 1;
    const text = (value: string) => new TextEncoder().encode(value);
    const garbage: Uint8Array<ArrayBuffer>[] = [
      text("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
      text("\x16\x03\x01\x02\x00"),
      text("SSH-2.0-OpenSSH_9.2\r\n"),
      text("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"),
      text("PROXY TCP4 1.2.3.4 1.2.3.256 1 1\r\n"),
      text("PROXY TCP4 ::1 ::1 1 1\r\n"),
      text("PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n"),
      text("PROXY TCP4 1.2.3.4  1.2.3.4 1 1\r\n"),
      text("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n"),
      text("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"),
      text("PROXY TCP4 01.2.3.4 1.2.3.4 1 1\r\n"),
      text("PROXY TCP4 1.2.3.4 1.2.3.4 +1 1\r\n"),
      text("PROXY tcp4 1.2.3.4 1.2.3.4 1 1\r\n"),
      text("PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n"),
      text("proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n"),
      text("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n"),
      text("PROXY".padEnd(200, " ")),
      text(`PROXY UNKNOWN ${"x".repeat(200)}\r\n`),
      wrongSum,
      v2Raw({ byte13: 0x11, byte14: 0x11, body }),
      v2Raw({ byte13: 0x2f, byte14: 0x11, body }),
      v2Raw({ byte13: 0x21, byte14: 0x11, body: body.subarray(1) }),
      v2Raw({ byte13: 0x21, byte14: 0x21, body }),
      v2Raw({ byte13: 0x21, byte14: 0x11, body: new Uint8Array(14) }),
      v2Raw({ byte13: 0x21, byte14: 0x11, body, tlvs: [{ type: 3, value: new Uint8Array(3) }] }),
      v2Raw({ byte13: 0x21, byte14: 0x11, body, length: 65535 }),
      v2Raw({ byte13: 0x21, byte14: 0x11, body, length: 521 }),
    ];
    for (const [i, bytes] of garbage.entries()) {
      using client = await dial("127.0.0.1", balance.port, bytes);
      assertEquals((await readToEnd(client.conn)).text, "", `${i}`);
    }
    assertEquals(server.accepted, 0);
    await untilMetric(
      metrics,
      "balance_connections_ended_total",
      { reason: "bad_proxy_header" },
      garbage.length,
    );
    assertEquals(await headerErrors(metrics), garbage.length);
    // At once: not by the limit of 5 s.
    const cause = { cause: "timeout" };
    assertEquals(value(await scrape(metrics), "balance_proxy_header_errors_total", cause), 0);
    await settled(balance, metrics, before);
    // The first bytes are spelled out.
    assertMatch(balance.stderr, /GET \/ HTTP/);
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x09\x0b-\x1f\x7f]/.test(balance.stderr), balance.stderr);
    // The longest that is allowed.
    const longest = v2Raw({
      byte13: 0x21,
      byte14: 0x11,
      body,
      tlvs: [{ type: 4, value: new Uint8Array(505) }],
    });
    assertEquals(longest.length, 536);
    assertEquals((await exchange(balance.port, withPayload(longest, "x"))).length, 1);
  },
);

t("60 KB in the segment of the header, and 8 MiB after it, arrive complete", async () => {
  await using server = echo();
  const { balance, metrics } = await start("PORT", server.address);
  await using _balance = balance;
  const before = await balance.quietFds();
  const data = randomBytes(60_000, 1);
  for (const header of [V1, V2]) {
    using client = await dial("127.0.0.1", balance.port, withPayload(header, data));
    assertEquals(await readExactly(client.conn, data.length), data);
    // Half-closed right after the header, too.
    assertEquals(await exchange(balance.port, withPayload(header, data)), data);
    assertEquals(await exchange(balance.port, header), new Uint8Array());
  }
  const large = randomBytes(8 * 2 ** 20, 2);
  assertEquals(await exchange(balance.port, withPayload(V2, large)), large);
  await settled(balance, metrics, before);
  assertEquals(await headerErrors(metrics), 0);
  // Payload only.
  const sent = 4 * data.length + large.length;
  await untilMetric(metrics, "balance_channel_sent_bytes_total", {}, sent);
});

t("peers that leave before, in and right after the header leave nothing", async () => {
  await using server = echo();
  const { balance, metrics } = await start("PORT", server.address);
  await using _balance = balance;
  await exchange(balance.port, withPayload(V1, "warm up"));
  const before = await balance.quietFds();
  // With FIN, at every length.
  const cuts = Array.from({ length: V1.length }, (_, i) => i);
  await Promise.all(cuts.map((i) => exchange(balance.port, V1.slice(0, i)).catch(isReset)));
  await untilMetric(metrics, "balance_proxy_header_errors_total", { cause: "closed" }, cuts.length);
  await untilMetric(metrics, "balance_connections", {}, 0);
  assertEquals(server.accepted, 1);
  // Closed right after the header.
  for (let i = 0; i < 50; i++) {
    using _client = await dial("127.0.0.1", balance.port, i % 2 === 0 ? V1 : V2);
  }
  await untilMetric(metrics, "balance_connections_accepted_total", {}, 51 + cuts.length);
  await settled(balance, metrics, before);
  assertEquals(await headerErrors(metrics), cuts.length);
});

/** @throws {unknown} Unless it is the reset of a connection. */
function isReset(error: unknown): void {
  const network = [Deno.errors.ConnectionReset, Deno.errors.BrokenPipe, Deno.errors.NotConnected];
  if (!network.some((one) => error instanceof one)) throw error;
}

const RESETS = "peers that reset in the header and right after it leave nothing";
if (!canReset) skip(RESETS, "this version of Deno cannot reset connections");
else {
  t(RESETS, async () => {
    await using server = echo();
    const { balance, metrics } = await start("PORT", server.address);
    await using _balance = balance;
    const before = await balance.quietFds();
    await using all = new AsyncDisposableStack();
    // Few, and at once: all must be there before the first of them times out.
    const clients = await Promise.all(Array.from({ length: 24 }, async (_, i) => {
      const client = all.use(await connect(balance.port, { viaNode: true }));
      const header = i % 2 === 0 ? V1 : V2;
      await client.send(header.slice(0, i % 4 < 2 ? i % header.length : 0));
      return client;
    }));
    await until(async () => (await connections(balance.socket)).length === clients.length, {
      what: "connections in the header",
    });
    await Promise.all(clients.map((client) => client.reset()));
    await untilMetric(metrics, "balance_proxy_header_errors_total", { cause: "closed" }, 24);
    for (let i = 0; i < 50; i++) {
      await using client = await connect(balance.port, { viaNode: true });
      await client.send(i % 2 === 0 ? V1 : V2);
      await client.reset();
    }
    await untilMetric(metrics, "balance_connections_accepted_total", {}, 74);
    await settled(balance, metrics, before);
    assertEquals(new TextDecoder().decode(await exchange(balance.port, withPayload(V1, "x"))), "x");
  });
}

t("after a header byte by byte, the payload starts where it must", async () => {
  await using server = echo();
  const { balance } = await start("PORT", server.address);
  await using _balance = balance;
  await Promise.all([V1, V2].map(async (header) => {
    using client = await dial("127.0.0.1", balance.port);
    for (const byte of withPayload(header, "PROXY TCP4 ")) {
      await client.conn.write(Uint8Array.of(byte));
      await sleep(2);
    }
    assertEquals(await readText(client.conn, 11), "PROXY TCP4 ");
  }));
});
