import { CONNECTION_OPTIONS } from "../../helpers/connection/connection_context.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { LineMemory, newLine } from "../../../lib/wait_line/line_memory.ts";
import { startWorkers } from "../../../lib/workers/pool.ts";
import { newTable } from "../../../lib/table/table.ts";
import { drained, echo, named, namedBackends } from "../../helpers/net/backends.ts";
import { ask, connect, readExactly, readLine, tally } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { runProgram } from "../../helpers/program/start_program.ts";
import { t, until } from "../../helpers/t.ts";
import { firstWorkerDies } from "../../helpers/workers/first_worker_dies.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

const WORKERS = 4;
const CONNECTIONS = 3000;
const AT_ONCE = 50;

/** Columns `c`, `totalc`, `sent`, `rcvd` of each row of `show`. */
async function counters(socket: string): Promise<number[][]> {
  const rows = (await talk(socket, "show\n")).trimEnd().split("\n").slice(1);
  return rows.map((row) => {
    const words = row.trim().split(/ +/);
    return [6, 7, 9, 10].map((column) => Number(words[column]));
  });
}

/** Runs a job `count` times, AT_ONCE of them concurrently. */
async function many<T>(count: number, one: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let left = count;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) results.push(await one());
  }));
  return results;
}

t(
  `${WORKERS} workers share one round robin: ${CONNECTIONS} connections are split exactly`,
  async () => {
    await using backends = namedBackends(3);
    const argv = ["-f", "--workers", `${WORKERS}`, "PORT", ...backends.addresses];
    await using balance = await startControlled(argv);
    const names = await many(CONNECTIONS, () => ask(balance.port));
    const each = CONNECTIONS / 3;
    assertEquals(tally(names), `B0: ${each}, B1: ${each}, B2: ${each}`);
    // Each connection received "B0\n", and none is open any more in any worker.
    await until(async () => (await counters(balance.socket)).every(([c]) => c === 0));
    assertEquals(await counters(balance.socket), [0, 1, 2].map(() => [0, each, 0, each * 3]));
  },
);

t(
  `${WORKERS} workers admit exactly maxc connections when more clients connect`,
  async () => {
    await using one = named("B0");
    await using two = named("B1");
    const argv = ["-f", "--workers", `${WORKERS}`, "PORT", `${one.address}:7`, `${two.address}:5`];
    await using balance = await startControlled(argv);
    const clients = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const client = await connect(balance.port);
        return { client, name: await readLine(client) };
      }),
    );
    const served = clients.map(({ name }) => name).filter((name) => name.startsWith("B"));
    assertEquals(tally(served), "B0: 7, B1: 5");
    assertEquals((await counters(balance.socket)).map(([c]) => c), [7, 5]);
    await Promise.all(clients.map(({ client }) => client.close()));
    await until(async () => (await counters(balance.socket)).every(([c]) => c === 0));
  },
);

t(`${WORKERS} workers count every byte in both directions`, async () => {
  await using server = echo();
  await using balance = await startControlled([
    "-f",
    "--workers",
    `${WORKERS}`,
    "PORT",
    server.address,
  ]);
  let bytes = 0;
  await many(1000, async () => {
    await using client = await connect(balance.port);
    const length = 1 + bytes % 5000;
    bytes += length;
    await client.send(new Uint8Array(length));
    await readExactly(client, length);
  });
  await drained(server);
  await until(async () => (await counters(balance.socket)).every(([c]) => c === 0));
  assertEquals(await counters(balance.socket), [[0, 1000, bytes, bytes]]);
});

t(
  "a worker that dies is reported, its claims are released, and a new worker replaces it",
  async () => {
    await using server = named("B0");
    const table = newTable({ groups: 1, channels: 1, workers: 2 });
    table.add(0, { address: new Uint8Array([127, 0, 0, 1]), port: server.port });
    const port = freePort();
    const notices: string[] = [];
    const workers = firstWorkerDies();
    const plane = await startWorkers({
      count: 2,
      serving: {
        engine: "streams",
        at: { address: "127.0.0.1", port },
        connection: { ...CONNECTION_OPTIONS, connectTimeoutMs: 5000 },
      },
      table,
      backendEvent: () => {},
      messages: { notice: (line) => void notices.push(line), dropped: () => 0 },
      make: workers.make,
    });
    await until(() => workers.made === 3);
    assertMatch(
      notices[0] ?? "",
      /^worker 0 ended with an error and is replaced: .*died on purpose/,
    );
    assertEquals(table.c(0, 0), 0);
    assertEquals(await ask(port), "B0");
    await until(() => table.c(0, 0) === 0);
    await plane.stop();
    assertEquals(await plane.done, { cutOff: 0 });
  },
);

t("the clients that wait in a worker that dies get no channels, and others can wait", async () => {
  await using server = named("B0");
  const table = newTable({ groups: 1, channels: 1, workers: 2 });
  // The worker that dies has two connections, so its two clients must wait.
  table.add(0, { address: new Uint8Array([127, 0, 0, 1]), port: server.port, maxc: 2 });
  const port = freePort(), handle = newLine(2), line = new LineMemory(handle);
  const workers = firstWorkerDies();
  let waited = -1;
  const plane = await startWorkers({
    count: 2,
    serving: {
      engine: "streams",
      at: { address: "127.0.0.1", port },
      connection: { ...CONNECTION_OPTIONS, connectTimeoutMs: 5000 },
      wait: { line: handle, ms: 60_000 },
    },
    table,
    backendEvent: () => {},
    messages: { notice: () => waited = line.length, dropped: () => 0 },
    make: workers.make,
  });
  await until(() => workers.made === 3);
  // When its death is reported, everything is released.
  assertEquals([waited, line.length, table.row(0, 0).c, table.row(0, 0).totalc], [0, 0, 0, 2]);
  assertEquals(await ask(port), "B0");
  await until(() => table.c(0, 0) === 0);
  await plane.stop();
  assertEquals(await plane.done, { cutOff: 0 });
});

t("a worker that dies causes one line on standard error, without a stack trace", async () => {
  const script = new URL("../../helpers/workers/lose_a_worker.ts", import.meta.url).pathname;
  const args = ["run", "-A", "--quiet", "--no-check", `--config=${ROOT}deno.json`, script];
  const { code, stdout, stderr } = await runProgram(Deno.execPath(), args);
  assertMatch(stderr, /^worker 0 ended with an error and is replaced: .*died on purpose\n$/);
  assertEquals([code, stdout], [0, ""]);
});

t(
  "-p with several workers relays in one worker, so that blocks stay whole and in order",
  async () => {
    await using server = named("B0");
    await using balance = await startControlled([
      "-f",
      "-p",
      "--workers",
      `${WORKERS}`,
      "PORT",
      server.address,
    ]);
    assertEquals(await ask(balance.port), "B0");
    await balance.waitForStdout(/-< 3\nB0\\0A\n\n/);
  },
);
