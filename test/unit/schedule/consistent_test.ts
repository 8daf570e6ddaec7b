import { assert, assertEquals } from "@std/assert";
import { joinHashes, nameHashes, unitOf } from "../../../lib/table/name_hash.ts";
import { clientKey } from "../../../lib/schedule/client_key.ts";
import type { Table } from "../../../lib/table/table.ts";
import { addNamed, pick, scheduleTable } from "../../helpers/schedule_table.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const CLIENTS = Array.from({ length: 4000 }, (_, i) => `10.${i % 7}.${i >> 8}.${i & 255}`);
const TWENTY = Array.from({ length: 20 }, () => 1);

const choices = (table: Table) => CLIENTS.map((client) => pick(table, client));

t("consistent: a removed channel moves only its own clients", () => {
  const table = scheduleTable("consistent", TWENTY);
  const before = choices(table);
  table.remove(0, 7);
  const after = choices(table);
  before.forEach((channel, i) => {
    if (channel !== 7) assertEquals(after[i], channel);
    else assert(after[i] !== 7 && after[i]! >= 0);
  });
  assert(before.includes(7));
}, PURE);

t("consistent: a channel that is down or full moves only its clients, who return later", () => {
  const table = scheduleTable("consistent", TWENTY);
  const before = choices(table);
  table.setHealth(0, 3, "down");
  const meanwhile = choices(table);
  assert(before.every((channel, i) => channel === 3 || meanwhile[i] === channel));
  assert(!meanwhile.includes(3));
  table.setHealth(0, 3, "up");
  assertEquals(choices(table), before);
}, PURE);

t(
  "consistent: an added channel moves at most 1/21 plus 2 % of the clients, all of them to it",
  () => {
    const table = scheduleTable("consistent", TWENTY, 21);
    const before = choices(table);
    addNamed(table, "web20");
    const after = choices(table);
    const moved = after.filter((channel, i) => channel !== before[i]);
    assert(moved.length > 0 && moved.length <= CLIENTS.length * (1 / 21 + 0.02), `${moved.length}`);
    assert(moved.every((channel) => channel === 20));
  },
  PURE,
);

t("consistent: clients keep their channel when its address changes, and in another order", () => {
  const table = scheduleTable("consistent", [1, 1, 1]);
  const before = choices(table);
  table.setState(0, 1, "disabled");
  table.assign(0, 1, { address: Uint8Array.of(10, 9, 9, 9), port: 80, host: "web1" });
  table.setState(0, 1, "enabled");
  assertEquals(choices(table), before);
  const other = scheduleTable("consistent", [], 3);
  for (const host of ["web2", "web0", "web1"]) addNamed(other, host);
  const order = [2, 0, 1];
  assertEquals(choices(other).map((channel) => order[channel]), before);
}, PURE);

t("consistent: channels get clients by their weights, also equal names", () => {
  const counts = (weights: readonly number[], table = scheduleTable("consistent", weights)) => {
    const all = choices(table);
    return weights.map((_, i) => all.filter((channel) => channel === i).length / CLIENTS.length);
  };
  for (const [i, share] of counts([4, 3, 2, 1]).entries()) {
    assert(Math.abs(share - (4 - i) / 10) < 0.03, `${i}: ${share}`);
  }
  const twins = scheduleTable("consistent", [], 2);
  addNamed(twins, "web0");
  addNamed(twins, "web0");
  for (const share of counts([1, 1], twins)) assert(Math.abs(share - 0.5) < 0.03, `${share}`);
}, PURE);

t("consistent: the choice never changes between releases and machines", () => {
  const table = scheduleTable("consistent", [1, 1, 1, 1, 2]);
  const clients = ["192.0.2.1", "192.0.2.2", "198.51.100.77", "2001:db8::1", "::ffff:192.0.2.1"];
  assertEquals(clients.map((client) => pick(table, client)), [3, 2, 4, 1, 3]);
  assertEquals(pick(table, "192.0.2.1"), pick(table, "::ffff:192.0.2.1"));
}, PURE);

t("the hashes of names and clients are spread evenly", () => {
  const buckets = Array.from({ length: 16 }, () => 0);
  for (const client of CLIENTS) {
    const unit = unitOf(joinHashes(nameHashes("web1:80")(0), clientKey(client).key));
    assert(unit > 0 && unit < 1);
    buckets[Math.floor(unit * 16)]!++;
  }
  for (const count of buckets) assert(Math.abs(count - 250) < 80, buckets.join(" "));
}, PURE);
