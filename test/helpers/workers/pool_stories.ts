/**
 * Workers of the epoll engine that crash, or whose isolates end, while they have connections. Each
 * story runs in a process of its own, because it counts the descriptors of the process: tests that
 * run in parallel share one.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { binderOf } from "../../../lib/engine/engines.ts";
import { openCLibrary } from "../../../lib/native/c_library.ts";
import { opensDebugger } from "../../../lib/native/debugger.ts";
import { newTable, type Table } from "../../../lib/table/table.ts";
import type { DataPlane } from "../../../lib/workers/data_plane.ts";
import type { Answers, FromWorker, ToWorker } from "../../../lib/workers/protocol.ts";
import { startPlane } from "../../../lib/workers/start_plane.ts";
import { CONNECTION_OPTIONS } from "../connection/connection_context.ts";
import { type Backend, echo } from "../net/backends.ts";
import { type Client, connect, readText, refused } from "../net/client.ts";
import { freePort } from "../net/ports.ts";
import { catchesSignal, openFds } from "../program/process.ts";
import { until, untilStill, within } from "../t.ts";

const CLIENTS = 40;
/** See signal(7). */
const SIGUSR1 = 10;
/** The number of a question that the pool has not asked. */
const QUERY = -1;

/** A pool of workers of the epoll engine. */
interface Pool {
  readonly plane: DataPlane;
  readonly table: Table;
  readonly port: number;
  readonly notices: string[];
  /** The isolates in the order in which they were made. */
  readonly isolates: Worker[];
  /** How often a worker has started to listen. */
  readonly starts: () => number;
}

async function startPool(workers: number, { port: backendPort }: Backend): Promise<Pool> {
  const table = newTable({ groups: 1, channels: 1, workers });
  table.add(0, { address: Uint8Array.of(127, 0, 0, 1), port: backendPort });
  const port = freePort(), at = { address: "127.0.0.1", port };
  const bound = binderOf("epoll").bind(at);
  assert(!("failure" in bound));
  const notices: string[] = [], isolates: Worker[] = [];
  let starts = 0;
  const plane = await startPlane(() => ({ bound }), {
    serving: { engine: "epoll", at, connection: { ...CONNECTION_OPTIONS, connectTimeoutMs: 5000 } },
    table,
    backendEvent: () => {},
    messages: { notice: (line) => void notices.push(line), dropped: () => 0 },
    reports: {
      monitor: undefined,
      forWorkers: { log: undefined, stats: undefined },
      log: () => undefined,
      releaseWorker() {},
    },
    make() {
      const path = "./crashing_worker.ts";
      const isolate = new Worker(new URL(path, import.meta.url), { type: "module" });
      isolate.addEventListener("message", ({ data }) => {
        if (data.type === "listening") starts++;
      });
      isolates.push(isolate);
      return isolate;
    },
  });
  return { plane, table, port, notices, isolates, starts: () => starts };
}

/** The connections of each worker. */
function connectionCounts({ isolates }: Pool): Promise<number[]> {
  return Promise.all(isolates.map((isolate) => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const answered = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type !== "answer" || data.query !== QUERY) return;
      isolate.removeEventListener("message", answered);
      resolve((data.answer as Answers["connections"]).length);
    };
    isolate.addEventListener("message", answered);
    isolate.postMessage(
      { type: "question", query: QUERY, question: { type: "connections" } } satisfies ToWorker,
    );
    return promise;
  }));
}

/** The worker with the most connections, and their number. */
async function busiest(pool: Pool): Promise<{ worker: number; held: number }> {
  const counts = await connectionCounts(pool);
  const held = Math.max(...counts);
  return { worker: counts.indexOf(held), held };
}

/** Clients that have exchanged a message each. */
function talking({ port }: Pool): Promise<Client[]> {
  return Promise.all(Array.from({ length: CLIENTS }, async () => {
    const client = await connect(port);
    await talks(client);
    return client;
  }));
}

/** Whether a client still gets answers; it does not if its connection was closed. */
async function talks(client: Client): Promise<boolean> {
  try {
    await client.send("hello");
    return await readText(client, 5) === "hello";
  } catch {
    return false;
  }
}

/** How many clients still talk. Each must find out at once. */
async function alive(clients: readonly Client[]): Promise<number> {
  return (await Promise.all(clients.map(talks))).filter((one) => one).length;
}

async function closeAll(clients: readonly Client[]): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
}

/**
 * The open descriptors after a pool has ended: the runtime keeps some of the first one open. Half a
 * second after the start, it also opens some for its thread that handles SIGUSR1.
 */
async function descriptorsAfterAPool(server: Backend): Promise<number> {
  const { plane } = await startPool(2, server);
  await plane.stop();
  await plane.done;
  if (opensDebugger(Deno.version.deno)) {
    await until(() => catchesSignal(Deno.pid, SIGUSR1), { what: "the thread for SIGUSR1" });
  }
  return await untilStill(() => openFds(Deno.pid), { what: "the descriptors" });
}

/** The last wait of an isolate, in another thread, may outlast it by 10 s; then it closes its own. */
async function noMoreThan(before: number): Promise<void> {
  await until(() => openFds(Deno.pid) <= before, { timeoutMs: 15_000, what: "the descriptors" });
}

/** The stories by name. */
export const POOL_STORIES: Readonly<Record<string, () => Promise<void>>> = {
  "workers share the clients, those that connect at once and those that stay": async () => {
    await using server = echo();
    const pool = await startPool(2, server), { plane } = pool;
    const clients: Client[] = [];
    for (let round = 0; round < 4; round++) clients.push(...await talking(pool));
    const [one = 0, other = 0] = await connectionCounts(pool);
    assertEquals(one + other, clients.length);
    // One may get all clients of the last round if the other one gets no CPU time.
    assert(Math.min(one, other) >= clients.length / 4, `${one} and ${other}`);
    await closeAll(clients);
    await plane.stop();
    await plane.done;
  },

  "a worker that crashes under load closes its connections and starts again": async () => {
    await using server = echo();
    const before = await descriptorsAfterAPool(server);
    const pool = await startPool(2, server), { table, notices, isolates, plane } = pool;
    for (let round = 1; round <= 3; round++) {
      const clients = await talking(pool);
      assertEquals(table.c(0, 0), CLIENTS);
      const { worker, held } = await busiest(pool);
      isolates[worker]!.postMessage("crash");
      await until(() => notices.length === round, { what: "the report of the crash" });
      const report = `worker ${worker} ended with an error and is restarted: `;
      assertEquals(notices[round - 1]?.slice(0, report.length), report);
      assertMatch(notices[round - 1]!, /crashed on purpose/);
      assertEquals([table.c(0, 0), await alive(clients)], [CLIENTS - held, CLIENTS - held]);
      await closeAll(clients);
      await until(() => table.c(0, 0) === 0, { what: "the counter of connections" });
      await until(() => pool.starts() === 2 + round, { what: "the next start" });
    }
    const clients = await talking(pool);
    assertEquals([await alive(clients), table.c(0, 0), isolates.length], [CLIENTS, CLIENTS, 2]);
    await closeAll(clients);
    await until(() => table.c(0, 0) === 0, { what: "the counter of connections" });
    await plane.stop();
    assertEquals(await plane.done, { cutOff: 0 });
    await refused(pool.port);
    await noMoreThan(before);
  },

  "the only worker that crashes starts again, and clients wait for it meanwhile": async () => {
    await using server = echo();
    const pool = await startPool(1, server), { table, notices, isolates, plane } = pool;
    const [before] = await Promise.all([talking(pool)]);
    isolates[0]!.postMessage("crash");
    await until(() => notices.length === 1, { what: "the report of the crash" });
    assertEquals([table.c(0, 0), await alive(before)], [0, 0]);
    const after = await talking(pool);
    assertEquals(table.c(0, 0), CLIENTS);
    await closeAll([...before, ...after]);
    await until(() => table.c(0, 0) === 0, { what: "the counter of connections" });
    // A stop does not wait for a worker that is down.
    isolates[0]!.postMessage("crash");
    await until(() => notices.length === 2, { what: "the report of the crash" });
    await plane.stop();
    assertEquals(await plane.done, { cutOff: 0 });
    await refused(pool.port);
  },

  "a stop right after a worker was started again ends it": async () => {
    await using server = echo();
    const pool = await startPool(2, server), { isolates, plane } = pool;
    const restarted = Promise.withResolvers<void>(), [first] = isolates;
    const post = first!.postMessage.bind(first) as (...args: unknown[]) => void;
    first!.postMessage = (...args: unknown[]) => {
      post(...args);
      if ((args[0] as { type?: string }).type === "start") restarted.resolve();
    };
    first!.postMessage("crash");
    await restarted.promise;
    await plane.stop();
    assertEquals(await within(plane.done, { timeoutMs: 5000, what: "the end" }), { cutOff: 0 });
    await refused(pool.port);
  },

  "an isolate that is terminated under load leaves no descriptor and no client": async () => {
    await using server = echo();
    const before = await descriptorsAfterAPool(server);
    const pool = await startPool(2, server), { table, notices, isolates, plane } = pool;
    const clients = await talking(pool);
    const { worker, held } = await busiest(pool);
    isolates[worker]!.terminate();
    await until(() => notices.length === 1, { what: "the report" });
    assertEquals(notices, [`worker ${worker} has ended unexpectedly`]);
    assertEquals([table.c(0, 0), await alive(clients)], [CLIENTS - held, CLIENTS - held]);
    await closeAll(clients);
    await until(() => table.c(0, 0) === 0, { what: "the counter of connections" });
    // The other one serves all.
    const others = await talking(pool);
    assertEquals(table.c(0, 0), CLIENTS);
    isolates[1 - worker]!.terminate();
    assertEquals(await plane.done, { cutOff: 0, isLost: true });
    assertEquals(table.c(0, 0), 0);
    assertEquals(await alive(others), 0);
    await closeAll(others);
    await plane.stop();
    await refused(pool.port);
    await noMoreThan(before);
  },
};

if (import.meta.main) {
  // Opened once: they stay open.
  openCLibrary();
  binderOf("epoll");
  await POOL_STORIES[Deno.args[0]!]!();
  Deno.exit(0);
}
