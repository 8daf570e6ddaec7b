import { assert, assertEquals } from "@std/assert";
import { parseIp } from "../../../lib/address/ip.ts";
import { newTable, Table } from "../../../lib/table/table.ts";
import type { Task } from "../../helpers/workers/table_worker.ts";
import { t, within } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const V4 = Uint8Array.of(127, 0, 0, 1);

const V6 = parseIp("2001:db8::5") ?? V4;

function small(options: { groups?: number; channels?: number; workers?: number } = {}): Table {
  return newTable({ groups: 2, channels: 3, workers: 1, ...options });
}

t("newTable() has no channels, zero counters, and round robin groups", () => {
  const table = newTable({ groups: 16, channels: 16, workers: 4 });
  assertEquals([...table.rows()], []);
  for (let group = 0; group < 16; group++) {
    assertEquals([table.length(group), table.cursor(group), table.schedule(group)], [0, 0, "rr"]);
    assertEquals([table.exists(group, 0), table.state(group, 0)], [false, "free"]);
  }
}, PURE);

t("add() appends until the group is full, independently in each group", () => {
  const table = small();
  assertEquals([0, 1, 2].map((i) => table.add(0, { address: V4, port: 80 + i })), [0, 1, 2]);
  assertEquals(table.add(0, { address: V4, port: 99 }), undefined);
  assertEquals(table.add(1, { address: V6, port: 65535, maxc: -1, enabled: false }), 0);
  assertEquals([...table.rows()].map(({ group, channel, port }) => [group, channel, port]), [
    [0, 0, 80],
    [0, 1, 81],
    [0, 2, 82],
    [1, 0, 65535],
  ]);
  assertEquals(table.row(1, 0), {
    group: 1,
    channel: 0,
    type: "rr",
    state: "disabled",
    health: "unknown",
    weight: 1,
    address: V6,
    port: 65535,
    c: 0,
    totalc: 0,
    maxc: -1,
    sent: 0n,
    rcvd: 0n,
  });
}, PURE);

t("the last channel of the last group does not overlap with others", () => {
  const table = newTable({ groups: 3, channels: 2, workers: 2 });
  for (let group = 0; group < 3; group++) {
    for (let channel = 0; channel < 2; channel++) {
      table.add(group, { address: V6, port: 100 + group * 10 + channel, maxc: group });
    }
  }
  table.enter(2, 1);
  table.addSent(table.account(2, 1), 5);
  table.addRcvd(table.account(2, 1), 7);
  for (const row of table.rows()) {
    const last = row.group === 2 && row.channel === 1;
    assertEquals([row.address, row.port], [V6, 100 + row.group * 10 + row.channel]);
    const counters = [row.c, row.totalc, row.sent, row.rcvd];
    assertEquals(counters, last ? [1, 1, 5n, 7n] : [0, 0, 0n, 0n]);
  }
}, PURE);

t("exists() accepts any number and is true only for existing channels", () => {
  const table = small();
  table.add(0, { address: V4, port: 80 });
  table.add(1, { address: V4, port: 81 });
  assert(table.exists(0, 0) && table.exists(1, 0));
  for (const channel of [-1, 1, 3, 16, 0.5, NaN, Infinity]) {
    assertEquals(table.exists(0, channel), false, `${channel}`);
  }
  for (const group of [-1, 2, 256, 0.5, NaN]) {
    assertEquals(table.exists(group, 0), false, `${group}`);
  }
}, PURE);

t("available() requires an enabled channel below its maxc", () => {
  const table = small();
  table.add(0, { address: V4, port: 80, maxc: 2 });
  assert(table.available(0, 0));
  table.enter(0, 0);
  assert(table.available(0, 0));
  table.enter(0, 0);
  assert(!table.available(0, 0));
  table.setMaxc(0, 0, 3);
  assert(table.available(0, 0));
  table.setMaxc(0, 0, -1);
  assert(!table.available(0, 0));
  table.setMaxc(0, 0, 0);
  assert(table.available(0, 0));
  table.setState(0, 0, "disabled");
  assert(!table.available(0, 0));
}, PURE);

t("setState() returns whether it changed anything, and ignores a freed slot", () => {
  const table = small();
  table.add(0, { address: V4, port: 80 });
  assertEquals(table.setState(0, 0, "enabled"), false);
  assertEquals(table.setState(0, 0, "disabled"), true);
  assertEquals(table.setState(0, 0, "disabled"), false);
  assertEquals(table.setState(0, 0, "enabled"), true);
  table.remove(0, 0);
  assertEquals([table.setState(0, 0, "enabled"), table.setState(0, 0, "disabled")], [false, false]);
  assertEquals([table.state(0, 0), table.exists(0, 0)], ["free", false]);
}, PURE);

t("remove() keeps the numbers of later channels; add() reuses the freed slot, cleared", () => {
  const table = small();
  for (let i = 0; i < 3; i++) table.add(0, { address: V6, port: 80 + i, maxc: 9 });
  table.enter(0, 1);
  table.leave(table.account(0, 1));
  table.addSent(table.account(0, 1), 100);
  table.remove(0, 1);
  assertEquals([table.length(0), table.available(0, 1)], [3, false]);
  assertEquals([...table.rows()].map((row) => row.state), ["enabled", "free", "enabled"]);
  assertEquals(table.add(0, { address: V4, port: 8080, enabled: false }), 1);
  const row = table.row(0, 1);
  assertEquals([row.state, row.address, row.port, row.maxc], ["disabled", V4, 8080, 0]);
  assertEquals([row.c, row.totalc, row.sent], [0, 0, 0n]);
  assertEquals(table.add(0, { address: V4, port: 1 }), undefined);
}, PURE);

t("assign() changes address and port, also between IPv6 and IPv4", () => {
  const table = small();
  table.add(0, { address: V6, port: 80, maxc: 4 });
  table.enter(0, 0);
  table.assign(0, 0, { address: V4, port: 81 });
  const row = table.row(0, 0);
  assertEquals([row.address, row.port, row.c, row.totalc, row.maxc], [V4, 81, 1, 1, 4]);
  table.assign(0, 0, { address: V6, port: 82 });
  assertEquals([table.address(0, 0), table.port(0, 0)], [V6, 82]);
}, PURE);

t("address() returns a copy", () => {
  const table = small();
  table.add(0, { address: V4, port: 80 });
  table.address(0, 0).fill(9);
  assertEquals(table.address(0, 0), V4);
}, PURE);

t("reset() clears totalc, sent and rcvd, but not c", () => {
  const table = small();
  table.add(0, { address: V4, port: 80 });
  table.enter(0, 0);
  table.addSent(table.account(0, 0), 2 ** 40);
  table.addRcvd(table.account(0, 0), 1);
  table.reset(0, 0);
  const { c, totalc, sent, rcvd } = table.row(0, 0);
  assertEquals([c, totalc, sent, rcvd], [1, 0, 0n, 0n]);
}, PURE);

t("totalc is unsigned and wraps at 2^32; sent and rcvd have 64 bits", () => {
  const table = small();
  table.add(0, { address: V4, port: 80 });
  // Sets its word in the buffer (after port and c) directly, to save four billion calls.
  const words = new Int32Array(table.handle.buffer);
  table.enter(0, 0);
  words[words.findIndex((word, i) => word === 80 && words[i + 1] === 1) + 2] = -2;
  assertEquals(table.row(0, 0).totalc, 4294967294);
  table.enter(0, 0);
  table.enter(0, 0);
  assertEquals(table.row(0, 0).totalc, 0);
  for (let i = 0; i < 3; i++) table.addRcvd(table.account(0, 0), Number.MAX_SAFE_INTEGER);
  assertEquals(table.row(0, 0).rcvd, 3n * BigInt(Number.MAX_SAFE_INTEGER));
}, PURE);

t("locked() returns the result of its function, and unlocks after an error", () => {
  const table = small();
  assertEquals(table.locked(() => 7), 7);
  try {
    table.locked(() => {
      throw new Error("inside");
    });
  } catch { /* as meant */ }
  assertEquals(table.locked(() => 8), 8);
}, PURE);

t("releaseWorker() releases the claims and the lock of a dead worker", () => {
  const table = small({ workers: 2 });
  const other = new Table(table.handle, 1);
  for (let i = 0; i < 2; i++) table.add(0, { address: V4, port: 80 + i });
  table.enter(0, 0);
  other.enter(0, 0);
  other.enter(0, 0);
  other.enter(0, 1);
  other.leave(other.account(0, 1));
  other.enter(0, 1);
  assertEquals([table.c(0, 0), table.c(0, 1)], [3, 1]);
  other.locked(() => table.releaseWorker(1));
  assertEquals([table.c(0, 0), table.c(0, 1)], [1, 0]);
  assertEquals(table.locked(() => "free"), "free");
  table.releaseWorker(1);
  assertEquals(table.c(0, 0), 1);
  table.leave(table.account(0, 0));
  assertEquals(table.c(0, 0), 0);
}, PURE);

t("two isolates that choose concurrently split exactly and never exceed maxc", async () => {
  const workers = 2, rounds = 2000, channels = 4, maxc = 1;
  const split = newTable({ groups: 1, channels, workers });
  for (let i = 0; i < channels; i++) split.add(0, { address: V4, port: 80 + i });
  const limited = newTable({ groups: 1, channels: 1, workers });
  limited.add(0, { address: V4, port: 90, maxc });
  const url = new URL("../../helpers/workers/table_worker.ts", import.meta.url);
  const running = Array.from({ length: workers }, (_, worker) => {
    const isolate = new Worker(url, { type: "module" });
    const done = Promise.withResolvers<number>();
    isolate.onmessage = ({ data }) => done.resolve(data);
    isolate.onerror = (event) => {
      event.preventDefault();
      done.reject(new Error(event.message));
    };
    const task: Task = { split: split.handle, limited: limited.handle, worker, rounds };
    isolate.postMessage(task);
    return { isolate, done: done.promise };
  });
  try {
    const most = await within(Promise.all(running.map(({ done }) => done)), {
      timeoutMs: 20_000,
      what: "two isolates",
    });
    assertEquals(Math.max(...most), maxc);
  } finally {
    for (const { isolate } of running) isolate.terminate();
  }
  const totals = [...split.rows()].map(({ totalc }) => totalc);
  assertEquals(totals, Array(channels).fill(workers * rounds / channels));
  assertEquals([...split.rows(), ...limited.rows()].map(({ c }) => c), Array(5).fill(0));
});

t(
  "bytes counted by several isolates add up exactly, also after reset and in a reused slot",
  () => {
    const table = newTable({ groups: 1, channels: 2, workers: 3 });
    const others = [1, 2].map((worker) => new Table(table.handle, worker));
    const add = () => table.add(0, { address: new Uint8Array([127, 0, 0, 1]), port: 1 });
    const counted = () => [table.row(0, 0).sent, others[0]!.row(0, 0).rcvd];
    add();
    for (const [i, one] of [table, ...others].entries()) {
      one.addSent(one.account(0, 0), 10 ** i);
      one.addRcvd(one.account(0, 0), 5 * 10 ** i);
    }
    assertEquals(counted(), [111n, 555n]);
    others[1]!.reset(0, 0);
    assertEquals(counted(), [0n, 0n]);
    others[0]!.addSent(others[0]!.account(0, 0), 7);
    assertEquals(counted(), [7n, 0n]);
    table.remove(0, 0);
    // A connection of the removed channel still counts.
    others[1]!.addRcvd(others[1]!.account(0, 0), 3);
    add();
    assertEquals(counted(), [0n, 0n]);
    others[1]!.addRcvd(others[1]!.account(0, 0), 3);
    assertEquals(counted(), [0n, 3n]);
  },
);

t("assign() keeps connections and bytes with the address they belong to", () => {
  const table = newTable({ groups: 1, channels: 2, workers: 1 });
  table.add(0, { address: V4, port: 1 });
  const byAddress = () =>
    [...table.rowsByAddress()].map(({ port, c, totalc, sent, current }) =>
      `${port}: ${c} ${totalc} ${sent}${current ? " current" : ""}`
    );
  const old = table.enter(0, 0);
  table.addSent(old, 5);
  table.assign(0, 0, { address: V4, port: 2 });
  const current = table.enter(0, 0);
  table.addSent(old, 10);
  table.addSent(current, 100);
  assertEquals(byAddress(), ["2: 1 1 100 current", "1: 1 1 15"]);
  const { port, c, totalc, sent } = table.row(0, 0);
  assertEquals([port, c, totalc, sent], [2, 2, 2, 115n]);
  // An address that comes back has its account back.
  table.assign(0, 0, { address: V4, port: 1 });
  table.leave(old);
  assertEquals(byAddress(), ["1: 0 1 15 current", "2: 1 1 100"]);
  table.reset(0, 0);
  assertEquals(byAddress(), ["1: 0 0 0 current", "2: 1 0 0"]);
}, PURE);

t("assign() counts connections to former addresses for maxc", () => {
  const table = newTable({ groups: 1, channels: 1, workers: 1 });
  table.add(0, { address: V4, port: 1, maxc: 1 });
  const old = table.enter(0, 0);
  table.assign(0, 0, { address: V4, port: 2 });
  assertEquals(table.available(0, 0), false);
  table.leave(old);
  assertEquals(table.available(0, 0), true);
}, PURE);

t("assign() adds idle former addresses up when there are many, and keeps those in use", () => {
  const table = newTable({ groups: 1, channels: 1, workers: 1 });
  const opened: number[] = [], folded: number[] = [];
  table.companion = {
    opened: (account) => opened.push(account),
    enabled() {},
    folded: (account) => folded.push(account),
  };
  table.add(0, { address: V4, port: 1 });
  const held = table.enter(0, 0);
  for (let port = 2; port <= 200; port++) {
    table.assign(0, 0, { address: V4, port });
    table.leave(table.enter(0, 0));
  }
  assertEquals([table.row(0, 0).totalc, table.row(0, 0).c, opened.length], [200, 1, 200]);
  const rows = [...table.rowsByAddress()];
  assert(folded.length > 0 && rows.length <= 65);
  // The account with the sum has no address; that of the open connection keeps its own.
  assertEquals(rows.filter(({ address }) => address.length === 0).length, 1);
  assertEquals(rows.filter(({ port, c }) => port === 1 && c === 1).length, 1);
  assertEquals([rows[0]!.port, rows[0]!.totalc], [200, 1]);
  table.leave(held);
  assertEquals(table.c(0, 0), 0);
}, PURE);

t("assign() never fails: with too many addresses in use, connections count at the new one", () => {
  const table = newTable({ groups: 1, channels: 1, workers: 1 });
  table.add(0, { address: V4, port: 1 });
  const accounts: number[] = [];
  for (let port = 2; port <= 100; port++) {
    accounts.push(table.enter(0, 0));
    table.assign(0, 0, { address: V4, port });
  }
  assertEquals([table.port(0, 0), table.c(0, 0)], [100, 99]);
  for (const account of accounts) table.leave(account);
  assertEquals(table.c(0, 0), 0);
  // The slot of a removed channel gets fresh accounts.
  table.remove(0, 0);
  assertEquals(table.add(0, { address: V4, port: 7 }), 0);
  assertEquals([...table.rowsByAddress()].map(({ port, totalc }) => [port, totalc]), [[7, 0]]);
}, PURE);

t("every channel of a large table can be assigned while connections are open", () => {
  const table = newTable({ groups: 8, channels: 100, workers: 1 });
  for (let group = 0; group < 8; group++) {
    for (let i = 0; i < 100; i++) table.add(group, { address: V4, port: i });
  }
  for (let group = 0; group < 8; group++) {
    for (let i = 0; i < 100; i++) {
      table.enter(group, i);
      table.assign(group, i, { address: V4, port: 1000 + i });
      assertEquals([table.c(group, i), table.row(group, i).port], [1, 1000 + i]);
    }
  }
  const open = [...table.rowsByAddress()].filter(({ c }) => c === 1);
  assert(open.every(({ current }) => !current));
}, PURE);

t("releaseWorker() lets a client try channels that the dead worker could not reach", () => {
  const table = newTable({ groups: 1, channels: 4, workers: 2 });
  const cautions = ["none", "suspect", "resting", "half open"] as const;
  for (const [channel, caution] of cautions.entries()) {
    table.add(0, { address: new Uint8Array([127, 0, 0, 1]), port: 80 + channel });
    table.setCaution(0, channel, caution);
  }
  table.setProber(0, 3, 1);
  table.releaseWorker(1);
  assertEquals(cautions.map((_, channel) => table.caution(0, channel)), [
    "none",
    "half open",
    "half open",
    "half open",
  ]);
  assertEquals(table.isProbed(0, 3), false);
}, PURE);

t("endpointOf() returns the same object until the account has another address", () => {
  const table = newTable({ groups: 1, channels: 2, workers: 2 });
  const other = new Table(table.handle, 1);
  table.add(0, { address: Uint8Array.of(127, 0, 0, 1), port: 80 });
  const first = other.endpointOf(other.account(0, 0));
  assertEquals(first, { address: "127.0.0.1", port: 80 });
  assert(other.endpointOf(other.account(0, 0)) === first);
  const places = [["127.0.0.2", 80], ["127.0.0.1", 81], ["::1", 81]] as const;
  for (const [text, port] of places) {
    table.assign(0, 0, { address: parseIp(text)!, port });
    assertEquals(other.endpointOf(other.account(0, 0)), { address: text, port });
  }
  // A channel that gets the slot and the account of a removed one.
  table.remove(0, 0);
  for (let slot = 0; slot < 2; slot++) {
    table.add(0, { address: Uint8Array.of(10, 0, 0, slot), port: 90 + slot });
  }
  const endpoints = [0, 1].map((channel) => other.endpointOf(other.account(0, channel)));
  assertEquals(endpoints.map(({ port }) => port).sort(), [90, 91]);
});
