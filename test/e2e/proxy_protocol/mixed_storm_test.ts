/** All kinds of peers at the same time: every byte arrives, and every connection is counted once. */

import { assert, assertEquals } from "@std/assert";
import { randomBytes, randomNumbers } from "../../helpers/bytes.ts";
import { scrape, startWithMetrics, untilMetric } from "../../helpers/metrics/start_with_metrics.ts";
import { canReset, drained } from "../../helpers/net/backends.ts";
import { type Client, connect, readToEnd } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import type { MetricFamily } from "../../helpers/openmetrics.ts";
import { headerBackend } from "../../helpers/proxy_protocol/header_backend.ts";
import { v1, v2, v2Local, withPayload } from "../../helpers/proxy_protocol/reference.ts";
import { skip, t } from "../../helpers/t.ts";

const NAME =
  "peers that send, break off, reset, falsify or are denied, at once: all counts are exact";
const CLIENTS = 40, ROUNDS = 30;

/** What a client has found: everything came back, nothing did, or something else. */
type Found = "all" | "nothing" | "other";

/** Returns pseudorandom integers from 0 to below a limit. */
type Below = (limit: number) => number;

/** A header with random addresses, some of which are denied. */
function someHeader(below: Below): Uint8Array<ArrayBuffer> {
  const isV6 = below(2) === 1;
  const [source, destination] = isV6
    ? [`2001:db8:${below(30).toString(16)}::1`, "2001:db8::7"]
    : [`${below(8) === 0 ? 10 : 192}.0.2.${below(50)}`, "198.51.100.7"];
  const ends = [
    { address: source, port: below(65536) },
    { address: destination, port: 443 },
  ] as const;
  if (below(10) === 0) return v2Local();
  return below(2) === 0 ? v1(...ends) : v2(...ends, { crc: true });
}

/** Sends a header and a payload in one or three writes, and compares what comes back. */
async function echoed(client: Client, below: Below): Promise<Found> {
  const header = someHeader(below), size = below(4) === 0 ? 200_000 : 100;
  const payload = randomBytes(1 + below(size), below(1000));
  const pieces = below(2) === 0
    ? [withPayload(header, payload)]
    : [header.slice(0, 9), header.slice(9), payload];
  async function send(): Promise<void> {
    for (const piece of pieces) await client.send(piece);
    await client.closeWrite();
  }
  // A client that is denied is reset, possibly while it sends.
  const [{ bytes }] = await Promise.all([
    readToEnd(client).catch(() => ({ bytes: new Uint8Array() })),
    send().catch(() => {}),
  ]);
  if (bytes.length === 0) return "nothing";
  const isSame = bytes.length === payload.length && bytes.every((byte, i) => byte === payload[i]);
  return isSame ? "all" : "other";
}

/** Breaks off at a random place, with a reset or not, or after a change of one byte. */
async function misbehave(client: Client, below: Below): Promise<void> {
  const header = someHeader(below), how = below(4);
  if (how === 0) return;
  if (how === 1) await client.send(header.slice(0, below(header.length)));
  if (how === 2) await client.send(withPayload(header, randomBytes(1000, 1)));
  if (how === 3) {
    header[below(header.length)]! ^= 1 + below(255);
    await client.send(header);
    await client.closeWrite();
    return void await readToEnd(client);
  }
  await client.reset();
}

const total = (family: MetricFamily | undefined, label = ""): number =>
  family!.samples.filter(({ labels }) => Object.values(labels).join().includes(label))
    .reduce((sum, { value }) => sum + value, 0);

if (!canReset) skip(NAME, "this version of Deno cannot reset connections");
else {
  t(NAME, async () => {
    await using server = headerBackend();
    const metrics = freePort();
    await using balance = await startWithMetrics([
      ...[`127.0.0.1:${metrics}`, "--accept-proxy", "127.0.0.1", "--deny", "10.0.0.0/8"],
      ...["--per-client", "1000", "PORT"],
      ...["v1", "v2", "v2,id"].map((how) => `${server.address},send-proxy=${how}`),
    ], { port: metrics, expectStderr: "any" });
    await scrape(metrics);
    const fds = await balance.quietFds();
    const next = randomNumbers(7), below: Below = (limit) => next() % limit;
    const found: Record<Found, number> = { all: 0, nothing: 0, other: 0 };
    await Promise.all(Array.from({ length: CLIENTS }, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        await using client = await connect(balance.port, { viaNode: true });
        // It may be reset while it sends.
        if (below(2) === 0) await misbehave(client, below).catch(() => {});
        else found[await echoed(client, below)]++;
      }
    }));

    await untilMetric(metrics, "balance_connections_accepted_total", {}, CLIENTS * ROUNDS);
    await untilMetric(metrics, "balance_connections", {}, 0);
    await untilMetric(metrics, "balance_connections_closing", {}, 0);
    await drained(server);
    await balance.settledFds(fds);
    assertEquals([found.other, server.faults], [0, []]);
    assert(found.all > CLIENTS * ROUNDS / 4, JSON.stringify(found));
    const page = await scrape(metrics), ended = page.get("balance_connections_ended");
    assertEquals(total(ended), CLIENTS * ROUNDS);
    assertEquals(
      total(ended, "bad_proxy_header"),
      total(page.get("balance_proxy_header_errors")),
    );
    assert(total(ended, "denied") >= found.nothing, JSON.stringify(found));
  });
}
