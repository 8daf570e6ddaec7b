/** One stream at full speed beside chatty connections, compared with haproxy in the same setup. */
import { assert } from "@std/assert";
import { fastReader, loadServer } from "../helpers/net/load.ts";
import { freePort } from "../helpers/net/ports.ts";
import { startHaproxy } from "../helpers/net/haproxy.ts";
import { startControlled } from "../helpers/program/start_controlled.ts";
import { withTools } from "../helpers/t.ts";
import { figure, pause, quantile, scaled } from "./helpers/sizes.ts";
import { ping } from "./helpers/traffic.ts";

const CHATTY = 50, SECONDS = scaled(10, 2), ROUNDS = 3;
/** Of the p99 of haproxy; the rest covers one turn of a scheduler that is short of CPUs. */
const FACTOR = 2, REST_MS = 2;

/** Milliseconds of each message of the chatty connections while the stream runs. */
async function latencies(chatty: number, stream: number): Promise<number[]> {
  await using _reader = await fastReader(stream);
  let over = false;
  const all = Promise.all(
    Array.from({ length: CHATTY }, () => ping(chatty, { until: () => over, everyMs: 20 })),
  );
  await pause(SECONDS * 1000);
  over = true;
  return (await all).flat();
}

withTools(
  ["python3", "haproxy"],
  "one stream at full speed delays 50 chatty connections at most twice as much as with haproxy",
  async () => {
    await using echo = await loadServer("echo");
    await using source = await loadServer("source");
    const ports = { chatty: freePort(), stream: freePort() };
    await using _haproxy = await startHaproxy([
      { port: ports.chatty, backend: echo.address },
      { port: ports.stream, backend: source.address },
    ]);
    // The reader is the only client while the first group has room for one connection.
    const argv = ["-f", "PORT", `${source.address}:1`, "!", echo.address];
    await using balance = await startControlled(argv);
    const best = { haproxy: Infinity, balance: Infinity };
    // In turn, and the best round of each, since other programs may run at the same time.
    for (let round = 0; round < ROUNDS; round++) {
      const theirs = quantile(await latencies(ports.chatty, ports.stream), 0.99);
      const ours = quantile(await latencies(balance.port, balance.port), 0.99);
      best.haproxy = Math.min(best.haproxy, theirs);
      best.balance = Math.min(best.balance, ours);
      if (best.balance <= FACTOR * best.haproxy + REST_MS) break;
    }
    const text = `p99 ${best.balance.toFixed(1)} ms, haproxy ${best.haproxy.toFixed(1)} ms`;
    figure("fairness", text);
    assert(best.balance <= FACTOR * best.haproxy + REST_MS, text);
  },
);
