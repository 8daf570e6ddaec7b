/** Many concurrent connections, many consecutive ones, and a soak test. */
import { assert, assertEquals } from "@std/assert";
import { randomBytes, randomNumbers } from "../helpers/bytes.ts";
import { controlSession } from "../helpers/net/control_socket.ts";
import { freePort } from "../helpers/net/ports.ts";
import { startControlled } from "../helpers/program/start_controlled.ts";
import { t, until } from "../helpers/t.ts";
import { counters } from "./helpers/integrity.ts";
import { type EchoOrigin, echoOrigin } from "./helpers/origin.ts";
import { figure, mib, pause, quantile, scaled, SEED, SOAK_S } from "./helpers/sizes.ts";
import { exchange, many, shortConnection } from "./helpers/traffic.ts";

/** Mean milliseconds between two messages of one connection; the load is their number. */
const THINK_MS = 2000;
const MESSAGE = randomBytes(512, 3);
/** Maximum ratio of the memory in the last quarter of short connections to the first. */
const MAX_DRIFT = 1.2;

t("5,000 connections exchange data for a minute without an error", async () => {
  const count = scaled(5000, 50), seconds = scaled(60, 5);
  await using server = echoOrigin();
  await using balance = await startControlled(["-f", "PORT", server.address]);
  const before = balance.rss(), fds = await balance.quietFds();
  const draw = randomNumbers(SEED);
  const latencies: number[] = [];
  const conns: Deno.TcpConn[] = [];
  const opening = await many({ count, parallel: 100 }, async () => {
    conns.push(await Deno.connect({ hostname: "127.0.0.1", port: balance.port }));
  });
  assertEquals(opening, []);
  await until(() => server.accepted === count, { timeoutMs: 60_000, what: "all connections" });
  const idle = balance.rss();
  const end = performance.now() + seconds * 1000;
  let peak = idle;
  const talking = many({ count, parallel: count }, async (index) => {
    const conn = conns[index]!;
    await pause(draw() % THINK_MS);
    while (performance.now() < end) {
      latencies.push(await exchange(conn, { bytes: MESSAGE }));
      await pause(THINK_MS / 2 + draw() % THINK_MS);
    }
    await conn.closeWrite();
    if (await conn.read(new Uint8Array(1)) !== null) throw new Error("more than an echo");
  });
  while (performance.now() < end) {
    await pause(1000);
    peak = Math.max(peak, balance.rss());
  }
  const errors = await talking;
  for (const conn of conns) conn[Symbol.dispose]();
  using session = await controlSession(balance.socket);
  await until(async () => (await counters(session)).c === 0, { what: "c to be 0" });
  const { totalc, sent, rcvd } = await counters(session);
  figure(
    "load",
    `${count} connections for ${seconds} s: ${errors.length} errors, ${latencies.length} ` +
      `messages of ${MESSAGE.length} bytes, p50 ${quantile(latencies, 0.5).toFixed(1)} ms, p99 ` +
      `${quantile(latencies, 0.99).toFixed(1)} ms (client and backend in one process); RSS ` +
      `${mib(before)} empty, ${mib(idle)} with all idle, ${mib(peak)} at most`,
  );
  assertEquals(errors, []);
  const bytes = latencies.length * MESSAGE.length;
  assertEquals({ totalc, sent, rcvd }, { totalc: count, sent: bytes, rcvd: bytes });
  session[Symbol.dispose]();
  await balance.settledFds(fds);
});

t("100,000 short connections, sequential and parallel: no error and constant memory", async () => {
  const inSequence = scaled(20_000, 200), inParallel = scaled(80_000, 800);
  await using server = echoOrigin();
  await using balance = await startControlled(["-f", "PORT", server.address]);
  const fds = await balance.quietFds();
  const started = performance.now();
  for (
    const [name, count, parallel] of [
      ["in sequence", inSequence, 1],
      ["32 at a time", inParallel, 32],
    ] as const
  ) {
    const samples: number[] = [];
    const errors = await many({ count, parallel }, async (index) => {
      await shortConnection(balance.port);
      if (index % Math.ceil(count / 200) === 0) samples.push(balance.rss());
    });
    assertEquals(errors, []);
    const quarter = Math.floor(samples.length / 4);
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    const first = mean(samples.slice(0, quarter)), last = mean(samples.slice(-quarter));
    figure(
      `short connections ${name}`,
      `${count}, ${errors.length} errors, mean RSS of the first quarter ${mib(first)}, of the ` +
        `last ${mib(last)}`,
    );
    assert(last < first * MAX_DRIFT, `memory grew from ${mib(first)} to ${mib(last)}`);
  }
  const seconds = (performance.now() - started) / 1000;
  figure(
    "short connections",
    `${inSequence + inParallel} in ${seconds.toFixed(0)} s: ` +
      `${((inSequence + inParallel) / seconds).toFixed(0)} per second`,
  );
  using session = await controlSession(balance.socket);
  await until(async () => (await counters(session)).c === 0, { what: "c to be 0" });
  assertEquals((await counters(session)).totalc, inSequence + inParallel);
  session[Symbol.dispose]();
  await balance.settledFds(fds);
});

t("soak: many connections and commands while a backend goes up and down", async () => {
  console.log(`seed ${SEED}, ${SOAK_S} s`);
  await using first = echoOrigin();
  await using second = echoOrigin();
  // Outside the range of ephemeral ports: an outgoing connection could take it while it is down.
  const flappingPort = freePort();
  let flapping: EchoOrigin = echoOrigin(flappingPort);
  const argv = ["-f", "PORT", first.address, flapping.address, second.address];
  await using balance = await startControlled(argv);
  const fds = await balance.quietFds();
  const end = performance.now() + SOAK_S * 1000;
  const running = () => performance.now() < end;
  const draw = randomNumbers(SEED);
  const errors: unknown[] = [], samples: number[] = [];
  let connections = 0, commands = 0, flaps = 0;

  async function lane(): Promise<void> {
    while (running()) {
      try {
        using conn = await Deno.connect({ hostname: "127.0.0.1", port: balance.port });
        for (let n = draw() % 8; n >= 0; n--) {
          await exchange(conn, { bytes: randomBytes(1 + draw() % 20_000, draw()) });
          if (draw() % 4 === 0) await pause(draw() % 200);
        }
        await conn.closeWrite();
        if (await conn.read(new Uint8Array(1)) !== null) throw new Error("more than an echo");
        connections++;
      } catch (error) {
        errors.push(error);
      }
    }
  }
  async function control(): Promise<void> {
    using session = await controlSession(balance.socket);
    while (running()) {
      const lines = [
        "show",
        "disable 2",
        "enable 2",
        "maxc 2 5",
        "maxc 2 0",
        "version",
        "conns",
        "help",
        "reset 1",
        "nonsense",
      ];
      await session.ask(lines[draw() % lines.length]!);
      commands++;
      await pause(20);
    }
  }
  /** Drains a backend, stops it for a second so that clients fail over, and starts it again. */
  async function flap(): Promise<void> {
    using session = await controlSession(balance.socket);
    while (running()) {
      await pause(1000);
      await session.ask("disable 1");
      let still = 0;
      await until(() => (still = flapping.open === 0 ? still + 1 : 0) > 5, {
        everyMs: 50,
        timeoutMs: 20_000,
        what: "a disabled backend to have no connections",
      });
      await flapping[Symbol.asyncDispose]();
      await session.ask("enable 1");
      await pause(1000);
      flapping = echoOrigin(flappingPort);
      flaps++;
    }
  }
  async function watch(): Promise<void> {
    while (running()) {
      samples.push(balance.rss());
      await pause(Math.max(100, SOAK_S * 5));
    }
  }
  try {
    await Promise.all([...Array.from({ length: 40 }, lane), control(), flap(), watch()]);
  } catch (error) {
    // Cleanup may fail too, and the report would show only its error.
    console.log(
      "the soak test was aborted:",
      error,
      await Promise.race([balance.ended, pause(1000)]),
    );
    throw error;
  }
  await flapping[Symbol.asyncDispose]();
  const quarter = Math.ceil(samples.length / 4);
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const early = mean(samples.slice(0, quarter)), late = mean(samples.slice(-quarter));
  figure(
    "soak",
    `${SOAK_S} s: ${connections} connections, ${commands} commands, a backend went down ${flaps} times, ` +
      `${errors.length} errors; mean RSS of the first quarter ${mib(early)}, of the last ` +
      `${mib(late)}`,
  );
  assertEquals(errors.slice(0, 3), []);
  using session = await controlSession(balance.socket);
  await until(async () => (await counters(session)).c === 0, { what: "c to be 0" });
  session[Symbol.dispose]();
  assert(late < early * 1.3 + (16 << 20), `memory grew from ${mib(early)} to ${mib(late)}`);
  await balance.settledFds(fds);
});
