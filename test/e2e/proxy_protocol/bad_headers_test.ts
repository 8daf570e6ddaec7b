/** Headers that are not accepted: closed, counted, reported; and no other byte is lost or added. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { delay } from "@std/async/delay";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { HEADER_FAULTS } from "../../../lib/proxy_protocol/header.ts";
import { parseHeader } from "../../../lib/proxy_protocol/parse_header.ts";
import { toBytes } from "../../helpers/bytes.ts";
import { linesOf, waitForLines } from "../../helpers/log/log_file.ts";
import {
  scrape,
  startWithMetrics,
  untilMetric,
  value,
} from "../../helpers/metrics/start_with_metrics.ts";
import { echo } from "../../helpers/net/backends.ts";
import { connect, readToEnd } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { ENGINE } from "../../helpers/program/program.ts";
import { mutant } from "../../helpers/proxy_protocol/mutants.ts";
import { NOOP, v1, v2, v2Local } from "../../helpers/proxy_protocol/reference.ts";
import { t, within } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const CLIENT = { address: "192.0.2.1", port: 56324 }, SITE = { address: "198.51.100.7", port: 443 };
const TRUSTED = "--accept-proxy=127.0.0.1", ERRORS = "balance_proxy_header_errors_total";

/** Sends bytes, half-closes if `ends`, and reads to the end. */
async function send(port: number, bytes: Uint8Array<ArrayBuffer>, ends = false) {
  await using client = await connect(port);
  await client.send(bytes);
  if (ends) await client.closeWrite();
  return await readToEnd(client);
}

t("a bad header is reset, counted with its cause, and reported once a minute", async () => {
  await using server = echo();
  await using dir = await tempDir();
  const port = freePort(), log = `${dir.path}/log`;
  const args = [`${port}`, TRUSTED, "--log", log, "PORT", server.address];
  await using balance = await startWithMetrics(args, { port, expectStderr: "any" });
  const wrong = v2(CLIENT, SITE, { crc: true });
  wrong[20]! ^= 1;
  const bad: readonly [Uint8Array<ArrayBuffer>, string][] = [
    [toBytes("GET / HTTP/1.1\r\n\x1b[31m\r\n\r\n"), "not_a_header"],
    [toBytes("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"), "bad_address"],
    [toBytes(`PROXY UNKNOWN ${"x".repeat(100)}`), "too_long"],
    [v2(CLIENT, SITE, { tlvs: [{ type: NOOP, value: new Uint8Array(600) }] }), "too_long"],
    [wrong, "bad_checksum"],
  ];
  for (const [bytes, cause] of bad) {
    const { text, end } = await send(balance.port, bytes);
    assertEquals(text, "", cause);
    if (ENGINE === "epoll") assertEquals(end, "RST", cause);
  }
  await send(balance.port, toBytes("PROXY TCP4 1.2.3"), true);
  await untilMetric(port, ERRORS, { cause: "closed" }, 1);
  const page = await scrape(port), counts = new Map<string, number>([["closed", 1]]);
  for (const [, cause] of bad) counts.set(cause, (counts.get(cause) ?? 0) + 1);
  for (const cause of HEADER_FAULTS) {
    assertEquals(value(page, ERRORS, { cause }), counts.get(cause) ?? 0, cause);
  }
  const ended = { reason: "bad_proxy_header" };
  assertEquals(value(page, "balance_connections_ended_total", ended), 6);
  assertEquals(value(page, "balance_connections_accepted_total"), 6);
  assertEquals(value(page, "balance_connections"), 0);
  const [line] = await waitForLines(log, 1);
  assertMatch(
    line!,
    /client=127\.0\.0\.1:\d+ .* by=balance reason=bad_proxy_header .* cause=not_a_header$/,
  );
  await balance.waitForStderr(/\n/);
  assertEquals(
    balance.stderr,
    "the PROXY header of 127.0.0.1 was refused (not a header): " +
      "it starts with [GET / HTTP/1.1\\x0d\\x0a\\x1b[31m\\x0d\\x0a\\x0d\\x0a]\n",
  );
  assertEquals([linesOf(log).length, server.accepted], [1, 0]);
});

t("a peer that does not complete its header is closed after 5 seconds", async () => {
  await using server = echo();
  const port = freePort(), args = [`${port}`, TRUSTED, "PORT", server.address];
  await using balance = await startWithMetrics(args, { port, expectStderr: "any" });
  // The connection of the metrics stays open.
  await scrape(port);
  const before = await balance.quietFds();
  const starts = [
    toBytes(""),
    toBytes("PROXY"),
    v1(CLIENT, SITE).slice(0, -1),
    v2Local().slice(0, 15),
  ];
  const tookMs = await Promise.all(starts.map(async (start) => {
    // Before the program can have accepted it.
    const began = performance.now();
    await using client = await connect(balance.port);
    await client.send(start);
    await readToEnd(client, { timeoutMs: 30_000 });
    return performance.now() - began;
  }));
  for (const ms of tookMs) assert(ms > 4800, `${ms} ms`);
  await untilMetric(port, ERRORS, { cause: "timeout" }, 4);
  await balance.settledFds(before);
  await balance.waitForStderr(/was refused \(timeout\): (nothing was received|it starts with )/);
});

t("3,000 mutated headers: each is served exactly or refused with its cause", async () => {
  await using server = echo();
  const port = freePort(), args = [`${port}`, TRUSTED, "PORT", server.address];
  await using balance = await startWithMetrics(args, { port, expectStderr: "any" });
  // The connection of the metrics stays open.
  await scrape(port);
  const before = await balance.quietFds();
  const seeds = [v1(CLIENT, SITE), v2(CLIENT, SITE, { crc: true }), v2Local(), v2(CLIENT, SITE)];
  const counts = new Map<string, number>(), payload = toBytes("payload\0\r\nPROXY ");
  async function one(seed: number): Promise<void> {
    const input = joinBytes([mutant(seeds, seed), payload]) as Uint8Array<ArrayBuffer>;
    const parsed = parseHeader(input), cut = seed % input.length;
    await using client = await connect(balance.port);
    try {
      await client.send(input.slice(0, cut));
      if (seed % 3 === 0) await delay(1);
      await client.send(input.slice(cut));
      await client.closeWrite();
    } catch { /* it was refused already */ }
    const { bytes } = await readToEnd(client);
    if (typeof parsed === "object") return assertEquals(bytes, input.slice(parsed.length));
    const cause = parsed ?? "closed";
    assertEquals(bytes.length, 0);
    counts.set(cause, (counts.get(cause) ?? 0) + 1);
  }
  let next = 0;
  await within(
    Promise.all(Array.from({ length: 32 }, async () => {
      while (next < 3000) await one(next++);
    })),
    { timeoutMs: 120_000, what: "3,000 clients" },
  );
  for (const [cause, count] of counts) await untilMetric(port, ERRORS, { cause }, count);
  const page = await scrape(port);
  const all = HEADER_FAULTS.map((cause) => value(page, ERRORS, { cause })!);
  assertEquals(all.reduce((a, b) => a + b), [...counts.values()].reduce((a, b) => a + b));
  await untilMetric(port, "balance_connections", {}, 0);
  await balance.settledFds(before);
});
