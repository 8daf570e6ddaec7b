import { assertEquals } from "@std/assert";
import { VERSION } from "../../../../lib/base/version.ts";
import { TOP_ORDERS, type TopKey } from "../../../../lib/control/top/order.ts";
import { takeSample } from "../../../../lib/control/top/sample.ts";
import { newTable } from "../../../../lib/table/table.ts";
import { t } from "../../../helpers/t.ts";
import { channel, ids, info, take } from "../../../helpers/control/top_samples.ts";

const PURE = { permissions: "none" } as const;

t("a sample lists the first connections in its sort order", () => {
  const all = [
    info(1, { sent: 10, rcvd: 1 }),
    info(2, { sent: 30, rcvd: 2 }),
    info(3, { sent: 20, rcvd: 3, ageMs: 1 }),
    info(4, { sent: 10, rcvd: 900_000 }),
  ];
  const by = (key: TopKey, reversed = false, count = 100) =>
    ids(take(all, { key, reversed, count }).sample);
  assertEquals(by("sent"), "2 3 1 4");
  // Reversing also reverses connections that compare equal.
  assertEquals(by("sent", true), "4 1 3 2");
  assertEquals(by("sent", false, 2), "2 3");
  assertEquals(by("sent", true, 1), "4");
  assertEquals(by("sent", false, 0), "");
  assertEquals(by("rcvd"), "4 3 2 1");
  // Age follows the id: workers read their clocks at different times.
  assertEquals(by("age"), "1 2 3 4");
  assertEquals(by("age", true), "4 3 2 1");
  // A connection without a rate yet is sorted by its mean rate since it was accepted.
  assertEquals(by("rate"), "3 4 2 1");
}, PURE);

t("a sample lists the same connections as a full sort", () => {
  const all = Array.from({ length: 2000 }, (_, i) => info(i, { sent: (i * 7919) % 1009 }));
  const expected = all.toSorted((a, b) => b.sent - a.sent).slice(0, 150).map(({ id }) => id);
  const { sample } = take(all, { key: "sent", count: 150 });
  assertEquals(ids(sample), expected.join(" "));
}, PURE);

t("a sample counts connections by state, including those it does not list", () => {
  const all = [
    info(1, { state: "dialing" }),
    info(2, { state: "half-closed" }),
    info(3),
    info(4),
  ];
  const { sample } = take(all, { count: 1 });
  assertEquals(sample.states, {
    header: 0,
    waiting: 0,
    dialing: 1,
    open: 2,
    "half-closed": 1,
    closing: 0,
  });
  assertEquals(sample.connections.length, 1);
}, PURE);

t("a sample omits freed channel slots", () => {
  const table = newTable({ groups: 2, channels: 2, workers: 1 });
  const address = new Uint8Array([10, 0, 0, 1]);
  table.add(0, { address, port: 80 });
  table.add(0, { address, port: 81 });
  table.addSent(table.account(0, 0), 1000);
  table.setState(0, 0, "disabled");
  table.remove(0, 0);
  const { sample } = takeSample(
    { version: VERSION, pid: 1, timeMs: 0, table, connections: [] },
    { count: 1, order: TOP_ORDERS.connections },
  );
  assertEquals(sample.channels, [channel(1, { address: "10.0.0.1", port: 81 })]);
}, PURE);

t("connection rates are computed since the last sample that is old enough", () => {
  const start = take([info(1, { sent: 100 }), info(5, { rcvd: 50 })], { timeMs: 10_000 });
  assertEquals(start.sample.connections.map(({ sentRate }) => sentRate), [undefined, undefined]);
  const later = [
    info(1, { sent: 300 }),
    info(6, { sent: 80, ageMs: 200 }),
    // Old but not in the previous sample: its earlier counters are unknown.
    info(7, { sent: 1e9, ageMs: 1e6 }),
    // Accepted while another worker was being asked.
    info(8, { sent: 100, ageMs: 2500 }),
  ];
  const rates = (taken: ReturnType<typeof take>) =>
    Object.fromEntries(
      taken.sample.connections.map(({ id, sentRate, rcvdRate }) => [id, [sentRate, rcvdRate]]),
    );
  const second = take(later, { timeMs: 12_000, memory: start.memory });
  assertEquals(rates(second), { 1: [100, 0], 6: [40, 0], 7: [undefined, undefined], 8: [40, 0] });
  // A sample taken too soon is compared with the older one.
  const soon = take([info(1, { sent: 340 })], { timeMs: 12_400, memory: second.memory });
  assertEquals(rates(soon), { 1: [100, 0] });
  assertEquals(soon.memory, second.memory);
  const third = take([info(1, { sent: 400 })], { timeMs: 13_000, memory: soon.memory });
  assertEquals(rates(third), { 1: [100, 0] });
}, PURE);
