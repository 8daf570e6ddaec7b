import { assertEquals } from "@std/assert";
import { claimOf, type Entry } from "../../../lib/schedule/claim.ts";
import { type ClientKey, clientKey } from "../../../lib/schedule/client_key.ts";
import { newTable, Table } from "../../../lib/table/table.ts";
import { newLine } from "../../../lib/wait_line/line_memory.ts";
import { type Place, WaitLine } from "../../../lib/wait_line/wait_line.ts";
import type { FromWaitingWorker, ToWaitingWorker } from "../../helpers/workers/waiting_worker.ts";
import { t, within } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const V4 = Uint8Array.of(127, 0, 0, 1);
const CLIENT = clientKey("10.0.0.1");

/** One isolate of a program with a wait line. */
interface Isolate {
  readonly table: Table;
  readonly line: WaitLine;
  /** Workers that it has woken so far. */
  readonly woken: number[];
}

/** Isolates that share a table of one group and a line. */
function isolates(
  { count = 1, max = 10, channels = [1], hashFailover = false }: {
    count?: number;
    max?: number;
    /** The `maxc` of each channel. */
    channels?: number[];
    hashFailover?: boolean;
  } = {},
): Isolate[] {
  const first = newTable({ groups: 1, channels: 4, workers: count });
  channels.forEach((maxc, i) => first.add(0, { address: V4, port: 80 + i, maxc }));
  const handle = newLine(max);
  return Array.from({ length: count }, (_, worker) => {
    const table = worker === 0 ? first : new Table(first.handle, worker), woken: number[] = [];
    const wake = (other: number) => void woken.push(other);
    return { table, woken, line: new WaitLine({ table, handle, hashFailover, wake }) };
  });
}

/** Joins the line, and writes down what the client gets. */
function join(
  { table, line }: Isolate,
  got: string[],
  { id = table.nextConnection(), key = CLIENT }: { id?: number; key?: ClientKey } = {},
): Place & { id: number } {
  const place = line.join(id, key)!;
  void place.entered.then(({ account }) => got.push(`${id}: ${table.placeOf(account).channel}`));
  return { ...place, id };
}

/** Lets all microtasks run. */
const settled = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

t("clients get channels in the order of their connections", async () => {
  const [one] = isolates() as [Isolate];
  const got: string[] = [];
  const held = one.table.enter(0, 0);
  join(one, got, { id: 7 });
  join(one, got, { id: 5 });
  join(one, got, { id: 6 });
  await settled();
  assertEquals([got, one.line.length], [[], 3]);
  one.table.leave(held);
  await settled();
  assertEquals([got, one.line.length, one.table.c(0, 0)], [["5: 0"], 2, 1]);
  one.table.leave(held);
  await settled();
  assertEquals(got, ["5: 0", "6: 0"]);
  one.table.leave(held);
  await settled();
  assertEquals([got, one.line.length], [["5: 0", "6: 0", "7: 0"], 0]);
}, PURE);

t("a client that joins when a channel is available gets it at once", async () => {
  const [one] = isolates({ channels: [1, 1] }) as [Isolate];
  const got: string[] = [];
  join(one, got);
  join(one, got);
  join(one, got);
  await settled();
  assertEquals([got, one.line.length], [["1: 0", "2: 1"], 1]);
}, PURE);

t("every event that makes a channel available serves waiting clients", async () => {
  const events: [string, (table: Table) => void, (table: Table) => void][] = [
    ["enable", (table) => table.setState(0, 0, "disabled"), (t) => t.setState(0, 0, "enabled")],
    ["undrain", (table) => table.setState(0, 0, "draining"), (t) => t.setState(0, 0, "enabled")],
    ["up", (table) => table.setHealth(0, 0, "down"), (table) => table.setHealth(0, 0, "up")],
    ["maxc", (table) => table.enter(0, 0), (table) => table.setMaxc(0, 0, 2)],
    ["weight", (table) => table.setWeight(0, 0, 0), (table) => table.setWeight(0, 0, 1)],
    ["rest", (table) => table.setCaution(0, 0, "resting"), (t) => t.setCaution(0, 0, "none")],
    [
      "create",
      (table) => table.setState(0, 0, "disabled"),
      (t) => t.add(0, { address: V4, port: 9 }),
    ],
    ["leave", (table) => table.enter(0, 0), (table) => table.leave(table.account(0, 0))],
  ];
  for (const [name, close, open] of events) {
    const [one] = isolates() as [Isolate];
    close(one.table);
    const got: string[] = [];
    join(one, got);
    await settled();
    assertEquals([name, got.length, one.line.length], [name, 0, 1]);
    open(one.table);
    await settled();
    assertEquals([name, got.length, one.line.length], [name, 1, 0]);
  }
}, PURE);

t("a client that leaves frees its place, and gets no channel", async () => {
  const [one] = isolates({ max: 2 }) as [Isolate];
  const got: string[] = [];
  const held = one.table.enter(0, 0);
  const first = join(one, got);
  join(one, got);
  assertEquals(one.line.join(9, CLIENT), undefined);
  assertEquals(one.line.leave(first), undefined);
  const third = join(one, got, { id: 3 });
  assertEquals([third.place, one.line.length], [first.place, 2]);
  one.table.leave(held);
  await settled();
  assertEquals([got, one.table.c(0, 0)], [["2: 0"], 1]);
}, PURE);

t("a full line does not refuse a client that has waited before, and keeps its turn", async () => {
  const [one] = isolates({ max: 1 }) as [Isolate];
  const got: string[] = [];
  const held = one.table.enter(0, 0);
  join(one, got, { id: 5 });
  assertEquals(one.line.join(4, CLIENT), undefined);
  const again = one.line.join(4, CLIENT, true)!;
  one.table.leave(held);
  const { channel } = one.table.placeOf((await again.entered).account);
  assertEquals([got, one.line.length, channel], [[], 1, 0]);
}, PURE);

t("a client that leaves in the moment it gets a channel gives it back, once", async () => {
  const [one, other] = isolates({ count: 2 }) as [Isolate, Isolate];
  const got: string[] = [];
  other.table.enter(0, 0);
  const place = join(one, got);
  // The other isolate grants it; this one does not know yet.
  other.table.leave(other.table.account(0, 0));
  assertEquals([other.woken, other.table.c(0, 0), one.line.length], [[0], 1, 0]);
  const entry = one.line.leave(place) as Entry;
  assertEquals(one.table.placeOf(entry.account).channel, 0);
  claimOf(one.table, entry)[Symbol.dispose]();
  one.line.deliver();
  assertEquals(one.line.leave(place), undefined);
  await settled();
  assertEquals([got, one.table.c(0, 0), one.line.length], [[], 0, 0]);
}, PURE);

t("isolates wake each other, and serve in one order", async () => {
  const [one, other] = isolates({ count: 2 }) as [Isolate, Isolate];
  const got: string[] = [];
  const held = one.table.enter(0, 0);
  join(other, got, { id: 2 });
  join(one, got, { id: 1 });
  one.table.leave(held);
  await settled();
  assertEquals([got, one.woken], [["1: 0"], []]);
  one.table.leave(held);
  assertEquals(one.woken, [1]);
  assertEquals(got, ["1: 0"]);
  other.line.deliver();
  await settled();
  assertEquals(got, ["1: 0", "2: 0"]);
  // The connection counts for the isolate that has it.
  other.table.releaseWorker(1);
  assertEquals(one.table.c(0, 0), 0);
}, PURE);

t("a client for a busy hash channel does not block others, and keeps its place", async () => {
  const [one] = isolates({ channels: [1, 1] }) as [Isolate];
  one.table.setSchedule(0, "hash");
  const keyFor = (channel: number) => ({ ...CLIENT, hash: channel });
  const got: string[] = [];
  const [first, second] = [one.table.enter(0, 0), one.table.enter(0, 1)];
  join(one, got, { key: keyFor(0) });
  join(one, got, { key: keyFor(0) });
  join(one, got, { key: keyFor(1) });
  one.table.leave(second);
  await settled();
  assertEquals([got, one.line.length], [["3: 1"], 2]);
  one.table.leave(first);
  await settled();
  assertEquals([got, one.line.length], [["3: 1", "1: 0"], 1]);
}, PURE);

t(
  "a line full of clients for a busy hash channel turns no client of another channel away",
  async () => {
    const [one] = isolates({ max: 1, channels: [1, 1] }) as [Isolate];
    one.table.setSchedule(0, "hash");
    const got: string[] = [];
    const held = one.table.enter(0, 0);
    join(one, got, { key: { ...CLIENT, hash: 0 } });
    const place = join(one, got, { key: { ...CLIENT, hash: 1 } });
    await settled();
    assertEquals([got, one.line.length], [["2: 1"], 1]);
    assertEquals(one.line.leave(place), undefined);
    assertEquals(one.line.join(3, { ...CLIENT, hash: 1 }), undefined);
    one.table.leave(held);
    await settled();
    assertEquals([got, one.line.length], [["2: 1", "1: 0"], 0]);
  },
  PURE,
);

t("with -H, a client for a busy hash channel gets another one", async () => {
  const [one] = isolates({ channels: [1, 1], hashFailover: true }) as [Isolate];
  one.table.setSchedule(0, "hash");
  const got: string[] = [];
  one.table.enter(0, 0);
  const held = one.table.enter(0, 1);
  join(one, got, { key: { ...CLIENT, hash: 0 } });
  one.table.leave(held);
  await settled();
  assertEquals(got, ["1: 1"]);
}, PURE);

t(
  "releaseWorker() forgets the clients of a dead isolate, also those that just got channels",
  async () => {
    const [one, other] = isolates({ count: 2 }) as [Isolate, Isolate];
    const got: string[] = [];
    const held = one.table.enter(0, 0);
    join(other, [], { id: 1 });
    join(other, [], { id: 2 });
    join(one, got, { id: 3 });
    // The first client of the other isolate gets the channel, and its isolate dies before it knows.
    one.table.leave(held);
    assertEquals([one.woken, one.table.c(0, 0)], [[1], 1]);
    one.line.releaseWorker(1);
    one.table.releaseWorker(1);
    await settled();
    assertEquals([got, one.line.length, one.table.c(0, 0)], [["3: 0"], 0, 1]);
    one.table.leave(held);
    assertEquals(one.table.c(0, 0), 0);
  },
  PURE,
);

t(
  "four isolates serve 2000 clients over one channel, never more than its maxc, and lose none",
  async () => {
    const workers = 4, clients = 500;
    const table = newTable({ groups: 1, channels: 1, workers });
    table.add(0, { address: V4, port: 80, maxc: 3 });
    const line = newLine(workers * clients);
    const url = new URL("../../helpers/workers/waiting_worker.ts", import.meta.url);
    const running = Array.from({ length: workers }, (_, worker) => {
      const isolate = new Worker(url, { type: "module" });
      const done = Promise.withResolvers<FromWaitingWorker & { type: "done" }>();
      isolate.onerror = (event) => {
        event.preventDefault();
        done.reject(new Error(event.message));
      };
      isolate.onmessage = ({ data }: MessageEvent<FromWaitingWorker>) => {
        if (data.type === "done") done.resolve(data);
        else send(data.worker, { type: "deliver" });
      };
      return { isolate, worker, done: done.promise };
    });
    function send(worker: number, message: ToWaitingWorker): void {
      running[worker]!.isolate.postMessage(message);
    }
    try {
      for (const { worker } of running) {
        send(worker, { type: "start", table: table.handle, line, worker, clients });
      }
      const results = await within(Promise.all(running.map(({ done }) => done)), {
        timeoutMs: 60_000,
        what: "four isolates",
      });
      assertEquals(results.map(({ served }) => served), Array(workers).fill(clients));
      assertEquals(results.every(({ most }) => most <= 3), true);
    } finally {
      for (const { isolate } of running) isolate.terminate();
    }
    const { c, totalc } = table.row(0, 0);
    assertEquals([c, totalc], [0, workers * clients]);
  },
);
