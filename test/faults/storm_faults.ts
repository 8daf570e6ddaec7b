/** Backends that never answer, and clients that do not wait. */
import { assert, assertEquals } from "@std/assert";
import { blackHole, canReset, type DeadEnd } from "../helpers/net/backends.ts";
import { connect } from "../helpers/net/client.ts";
import { type ControlSession, controlSession } from "../helpers/net/control_socket.ts";
import { startControlled } from "../helpers/program/start_controlled.ts";
import { t, until } from "../helpers/t.ts";
import { counters } from "./helpers/integrity.ts";
import { echoOrigin } from "./helpers/origin.ts";
import { dialing } from "./helpers/dialing.ts";
import { figure, quantile, scaled } from "./helpers/sizes.ts";
import { many, shortConnection } from "./helpers/traffic.ts";

/** A direct connection to a good backend takes less time, one over a black hole takes more. */
const DIRECT_MS = 900;

async function healthyLatencies(
  port: number,
  options: { count: number; parallel: number },
): Promise<{ direct: number[]; late: number[] }> {
  const direct: number[] = [], late: number[] = [];
  const errors = await many(options, async () => {
    const ms = await shortConnection(port);
    (ms < DIRECT_MS ? direct : late).push(ms);
  });
  assertEquals(errors, []);
  return { direct, late };
}

t(
  "with half of the backends black holes, --passive off and -t 1, the good ones keep their p99",
  async () => {
    const count = scaled(2000, 40), parallel = scaled(200, 20);
    await using good = echoOrigin();
    await using stack = new AsyncDisposableStack();
    const holes: DeadEnd[] = [];
    for (let i = 0; i < 4; i++) holes.push(stack.use(await blackHole()));
    // Good and bad backends alternate, so that each failover skips one black hole.
    const mixed = holes.flatMap((hole) => [good.address, hole.address]);
    const base = await (async () => {
      await using balance = await startControlled(["-f", "-t", "1", "PORT", good.address]);
      return (await healthyLatencies(balance.port, { count, parallel: parallel / 2 })).direct;
    })();
    const argv = ["-f", "-t", "1", "--passive", "off", "PORT", ...mixed];
    await using balance = await startControlled(argv);
    // Reading the system's socket table instead would take longer than a connection.
    const fds = await balance.quietFds();
    let peak = 0;
    const sampling = setInterval(() => peak = Math.max(peak, balance.fds() - fds), 50);
    const { direct, late } = await healthyLatencies(balance.port, { count, parallel }).finally(() =>
      clearInterval(sampling)
    );
    const p99 = quantile(direct, 0.99), baseP99 = quantile(base, 0.99);
    figure(
      "connect storm",
      `${count} connections, ${parallel} at a time: ${direct.length} direct, p99 ` +
        `${p99.toFixed(1)} ms (alone ${
          baseP99.toFixed(1)
        } ms); ${late.length} over a black hole, ` +
        `p99 ${quantile(late, 0.99).toFixed(0)} ms; at most ${peak} more descriptors than at rest`,
    );
    assertEquals(direct.length + late.length, count);
    // A failover moves the cursor, so the halves are not exactly equal.
    const unequal = Math.abs(direct.length - late.length) / count;
    assert(unequal <= 0.1, `${direct.length} direct, ${late.length} not`);
    assert(p99 < 5 * baseP99 + 50, `p99 ${p99} ms, alone ${baseP99} ms`);
    assert(
      quantile(late, 0.99) < 2000,
      "a failover took longer than the connect timeout and a second",
    );
    // A client and its dial need two descriptors; answered ones may not be closed yet.
    assert(peak > parallel && peak <= 4 * parallel, `${peak} descriptors for ${parallel} clients`);
    assertEquals(dialing(holes.map((hole) => hole.port)), 0);
  },
);

t(
  "the accept loop never waits: with hundreds of pending dials the next client is served",
  async () => {
    const count = scaled(500, 50);
    await using hole = await blackHole();
    await using good = echoOrigin();
    const argv = ["-f", "-t", "60", "PORT", `${hole.address}:${count}`, "!", good.address];
    await using balance = await startControlled(argv);
    const conns: Deno.TcpConn[] = [];
    for (let i = 0; i < count; i++) {
      conns.push(await Deno.connect({ hostname: "127.0.0.1", port: balance.port }));
    }
    await until(() => dialing([hole.port]) === count, { everyMs: 200, what: "all dials" });
    const latencies: number[] = [];
    for (let i = 0; i < 100; i++) latencies.push(await shortConnection(balance.port));
    figure(
      "while dials hang",
      `${count} dials, the next clients: p50 ${quantile(latencies, 0.5).toFixed(1)} ms, p99 ` +
        `${quantile(latencies, 0.99).toFixed(1)} ms`,
    );
    assert(quantile(latencies, 0.9) < 100, "clients waited for the dials of others");
    // All clients close without having sent anything.
    using session = await controlSession(balance.socket);
    assertEquals((await counters(session)).c, count);
    const started = performance.now();
    for (const conn of conns) conn.close();
    await until(async () => (await counters(session)).c === 0, { what: "c to be 0" });
    assertEquals(dialing([hole.port]), 0);
    figure(
      "clients that leave",
      `${count} dials and claims free after ` +
        `${(performance.now() - started).toFixed(0)} ms`,
    );
  },
);

/** Connects one client and lets it leave. @returns Milliseconds until its claim was released. */
async function leave(
  port: number,
  options: { session: ControlSession; how: "reset" | "close"; afterMs: number },
): Promise<number> {
  const { session, how } = options;
  await using client = await connect(port, { viaNode: how === "reset" });
  await until(async () => (await counters(session)).c === 1, { what: "a claim" });
  await new Promise((resolve) => setTimeout(resolve, options.afterMs));
  const started = performance.now();
  await (how === "reset" ? client.reset() : client.close());
  await until(async () => (await counters(session)).c === 0, { what: "the claim to be released" });
  return performance.now() - started;
}

for (const how of canReset ? ["reset", "close"] as const : ["close"] as const) {
  t(
    `a client that leaves by ${how} releases its dial and its claim, also during failover`,
    async () => {
      await using first = await blackHole();
      await using second = await blackHole();
      const argv = ["-f", "-t", "2", "PORT", first.address, "!", second.address];
      await using balance = await startControlled(argv);
      using session = await controlSession(balance.socket);
      const fds = await balance.quietFds();
      const times: string[] = [];
      // Immediately; while it is watched; while the second channel is being dialed.
      for (const afterMs of [0, 500, 2500]) {
        const ms = await leave(balance.port, { session, how, afterMs });
        times.push(`${afterMs} ms: ${ms.toFixed(0)} ms`);
        // Watched after 100 ms; a close without data counts after 300 ms more; a tick is 100 ms.
        assert(ms < 1000, `its claim was released only after ${ms} ms`);
        assertEquals(dialing([first.port, second.port]), 0);
      }
      figure(`client leaves by ${how}`, `claim free when it left after ${times.join(", after ")}`);
      await balance.settledFds(fds);
    },
  );
}

t(
  "a client that half-closes after its request has not left: it is served",
  async () => {
    await using hole = await blackHole();
    await using good = echoOrigin();
    const argv = ["-f", "-t", "2", "PORT", hole.address, good.address];
    await using balance = await startControlled(argv);
    await using client = await connect(balance.port);
    await client.send("question");
    await client.closeWrite();
    const buffer = new Uint8Array(64);
    const count = await client.read(buffer) ?? 0;
    assertEquals(new TextDecoder().decode(buffer.subarray(0, count)), "question");
    assertEquals(await client.read(buffer), null);
  },
);
