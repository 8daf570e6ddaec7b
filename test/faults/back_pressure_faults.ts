/** Receivers that stop reading while their senders push. */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { writeAll } from "../../lib/base/bytes.ts";
import { randomBytes } from "../helpers/bytes.ts";
import { startBalance } from "../helpers/program/start_balance.ts";
import { t, until, untilStill } from "../helpers/t.ts";
import { echoOrigin, origin } from "./helpers/origin.ts";
import { figure, mib, pause, quantile, scaled } from "./helpers/sizes.ts";
import { ping } from "./helpers/traffic.ts";

const EACH = 12 << 20;
const BLOCK = randomBytes(1 << 20, 2);
/** How much memory may grow with 200 stalled directions. */
const MAX_GROWTH = 64 << 20;
const MAX_P99_MS = 250;

async function push(conn: Deno.Conn, sent: { bytes: number }): Promise<void> {
  for (let at = 0; at < EACH; at += BLOCK.length) {
    await writeAll(conn, BLOCK);
    sent.bytes += BLOCK.length;
  }
  await conn.closeWrite();
}

/** Reads to the end and compares every byte. */
async function pull(conn: Deno.Conn): Promise<number> {
  const buffer = new Uint8Array(65536);
  let total = 0;
  for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
    for (let at = 0; at < n;) {
      const from = (total + at) % BLOCK.length;
      const length = Math.min(n - at, BLOCK.length - from);
      const got = Buffer.from(buffer.buffer, at, length);
      if (!got.equals(BLOCK.subarray(from, from + length))) throw new Error(`wrong at ${total}`);
      at += length;
    }
    total += n;
  }
  return total;
}

t(
  "with 200 stalled receivers memory is bounded, others are served, and nothing is lost",
  async () => {
    const half = scaled(100, 5), seconds = scaled(30, 3);
    const gate = Promise.withResolvers<void>();
    const totals: number[] = [];
    const sent = { bytes: 0 };
    // Half of the stalled receivers are backends, half are clients.
    await using sink = origin(async (conn) => {
      await gate.promise;
      totals.push(await pull(conn));
    });
    await using source = origin((conn) => push(conn, sent));
    await using others = echoOrigin();
    const argv = ["-f", "PORT", `${sink.address}:${half}`, "!", `${source.address}:${half}`, "!"];
    await using balance = await startBalance([...argv, others.address]);
    const { port } = balance;

    // The first connections fill group 0, the next ones group 1, all others use group 2.
    const uploads = await Promise.all(Array.from({ length: half }, () => connect(port)));
    await until(() => sink.accepted === half, { what: "the uploads to be connected" });
    const pushing = uploads.map((conn) => push(conn, sent));
    const downloads = await Promise.all(Array.from({ length: half }, () => connect(port)));
    await until(() => source.accepted === half, { what: "the downloads to be connected" });

    const held = await untilStill(() => sent.bytes, {
      everyMs: 50,
      timeoutMs: 60_000,
      what: "all senders to be held back",
    });
    let over = false;
    const pinging = Promise.all(
      Array.from({ length: 10 }, () => ping(port, { until: () => over, everyMs: 20 })),
    );
    const before = balance.rss();
    let peak = before;
    for (let s = 0; s < seconds; s++) {
      await pause(1000);
      peak = Math.max(peak, balance.rss());
    }
    over = true;
    const latencies = (await pinging).flat();
    assertEquals(sent.bytes, held, "a sender continued although nothing was read");
    gate.resolve();
    const started = performance.now();
    const got = await Promise.all(downloads.map(pull));
    await Promise.all(pushing);
    // Clients half-close after the upload; the backend then closes.
    for (const conn of [...uploads, ...downloads]) conn.close();
    await until(() => totals.length === half, { timeoutMs: 60_000, what: "all uploads to arrive" });
    const took = (performance.now() - started) / 1000;
    assertEquals([...got, ...totals], Array(2 * half).fill(EACH));
    const after = balance.rss();
    const p99 = quantile(latencies, 0.99);
    figure(
      "back-pressure",
      `${2 * half} stalled receivers for ${seconds} s with ${mib(held)} accepted by the system ` +
        `of ${mib(2 * half * EACH)}; RSS ${mib(before)} at the start, ${mib(peak)} at most, ` +
        `${mib(after)} after all was delivered in ${took.toFixed(0)} s; others: ` +
        `${latencies.length} messages, p50 ${quantile(latencies, 0.5).toFixed(1)} ms, ` +
        `p99 ${p99.toFixed(1)} ms`,
    );
    assert(peak - before < MAX_GROWTH, `memory grew from ${mib(before)} to ${mib(peak)}`);
    assert(peak < 200 << 20, `memory was ${mib(peak)}`);
    assert(p99 < MAX_P99_MS, `p99 of the others was ${p99} ms`);
  },
);

async function connect(port: number): Promise<Deno.TcpConn> {
  return await Deno.connect({ hostname: "127.0.0.1", port });
}
