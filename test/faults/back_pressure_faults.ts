/** Receivers that stop reading while their senders push. */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { writeAll } from "../../lib/base/bytes.ts";
import { randomBytes } from "../helpers/bytes.ts";
import { startBalance } from "../helpers/program/start_balance.ts";
import { t, until } from "../helpers/t.ts";
import { echoOrigin, origin } from "./helpers/origin.ts";
import { figure, mib, pause, quantile, scaled } from "./helpers/sizes.ts";
import { ping } from "./helpers/traffic.ts";

const EACH = 12 << 20;
const BLOCK = randomBytes(1 << 20, 2);
/** What the program may take for 200 directions that stand still. */
const MOST_GROWTH = 64 << 20;
const MOST_P99_MS = 250;

async function push(conn: Deno.Conn, sent: { bytes: number }): Promise<void> {
  for (let at = 0; at < EACH; at += BLOCK.length) {
    await writeAll(conn, BLOCK);
    sent.bytes += BLOCK.length;
  }
  await conn.closeWrite();
}

/** Reads to the end and compares everything. */
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

t("200 receivers stand still: memory is bounded, others go on, nothing is lost", async () => {
  const half = scaled(100, 5), seconds = scaled(30, 3);
  const gate = Promise.withResolvers<void>();
  const totals: number[] = [];
  const sent = { bytes: 0 };
  // Half of them stand still on the side of the backend, half on that of the client.
  await using sink = origin(async (conn) => {
    await gate.promise;
    totals.push(await pull(conn));
  });
  await using source = origin((conn) => push(conn, sent));
  await using others = echoOrigin();
  const argv = ["-f", "PORT", `${sink.address}:${half}`, "!", `${source.address}:${half}`, "!"];
  await using balance = await startBalance([...argv, others.address]);
  const { port } = balance;

  // The first ones fill the first group, the next ones the second, the others find the third.
  const uploads = await Promise.all(Array.from({ length: half }, () => connect(port)));
  await until(() => sink.accepted === half, { what: "the uploads to be connected" });
  const pushing = uploads.map((conn) => push(conn, sent));
  const downloads = await Promise.all(Array.from({ length: half }, () => connect(port)));
  await until(() => source.accepted === half, { what: "the downloads to be connected" });

  let last = -1, still = 0;
  await until(() => {
    still = sent.bytes === last ? still + 1 : 0;
    last = sent.bytes;
    return still >= 20;
  }, { everyMs: 50, timeoutMs: 60_000, what: "all senders to be held back" });
  const held = sent.bytes;
  let over = false;
  const pinging = Promise.all(
    Array.from({ length: 10 }, () => ping(port, { until: () => over, everyMs: 20 })),
  );
  const before = balance.rss();
  let most = before;
  for (let s = 0; s < seconds; s++) {
    await pause(1000);
    most = Math.max(most, balance.rss());
  }
  over = true;
  const latencies = (await pinging).flat();
  assertEquals(sent.bytes, held, "a sender went on although nobody reads");
  gate.resolve();
  const began = performance.now();
  const got = await Promise.all(downloads.map(pull));
  await Promise.all(pushing);
  // The clients end their side by the end of the upload; the backend then ends its own.
  for (const conn of [...uploads, ...downloads]) conn.close();
  await until(() => totals.length === half, { timeoutMs: 60_000, what: "all uploads to arrive" });
  const took = (performance.now() - began) / 1000;
  assertEquals([...got, ...totals], Array(2 * half).fill(EACH));
  const after = balance.rss();
  const p99 = quantile(latencies, 0.99);
  figure(
    "back-pressure",
    `${2 * half} receivers stood still for ${seconds} s with ${mib(held)} accepted by the system ` +
      `of ${mib(2 * half * EACH)}; RSS ${mib(before)} at the beginning, ${mib(most)} at most, ` +
      `${mib(after)} after all was delivered in ${took.toFixed(0)} s; others: ` +
      `${latencies.length} messages, p50 ${quantile(latencies, 0.5).toFixed(1)} ms, ` +
      `p99 ${p99.toFixed(1)} ms`,
  );
  assert(most - before < MOST_GROWTH, `memory grew from ${mib(before)} to ${mib(most)}`);
  assert(most < 200 << 20, `memory was ${mib(most)}`);
  assert(p99 < MOST_P99_MS, `p99 of the others was ${p99} ms`);
});

async function connect(port: number): Promise<Deno.TcpConn> {
  return await Deno.connect({ hostname: "127.0.0.1", port });
}
