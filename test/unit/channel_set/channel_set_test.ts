import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type ChannelSet,
  ChannelSetError,
  openChannelSet,
} from "../../../lib/channel_set/channel_set.ts";
import { changesText, type SetChanges } from "../../../lib/channel_set/set_changes.ts";
import { ChannelNames } from "../../../lib/table/channel_names.ts";
import { newTable, type Table, type TableSize } from "../../../lib/table/table.ts";
import { shapeOf, wantedOf } from "../../helpers/channel_set/wanted.ts";
import { t, until } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const SIZE = { groups: 3, channels: 4, workers: 2 };

/** A table with the channels of a file. */
function setOf(text: string, size: TableSize = SIZE) {
  const table = newTable(size), names = new ChannelNames(table);
  return { table, names, set: openChannelSet({ table, names }, wantedOf(text)) };
}

function apply(set: ChannelSet, text: string): SetChanges {
  return set.apply(wantedOf(text));
}

/** Fails unless a table shows what a fresh start would. */
function assertFresh(table: Table, text: string): void {
  assertEquals(shapeOf(table), shapeOf(setOf(text, table.size).table), text);
}

t("apply() adds, removes, moves and changes channels, as a fresh start would have them", () => {
  const texts = [
    "10.0.0.1:80 10.0.0.2:80:5 ! 10.0.0.3:80",
    "10.0.0.3:80 10.0.0.2:80:6,weight=3 10.0.0.1:80 % 10.0.0.1:80",
    "10.0.0.1:80",
    "10.0.0.1:80 10.0.0.1:80 10.0.0.1:80 ! web ! web web:81,weight=0",
    "web ! 10.0.0.1:80 10.0.0.1:80",
  ];
  for (const from of texts) {
    for (const to of texts) {
      const { table, set } = setOf(from);
      const changes = apply(set, to);
      assertFresh(table, to);
      const isSame = from === to;
      assertEquals(changesText(changes) === undefined, isSame, `${from} -> ${to}`);
      apply(set, from);
      assertFresh(table, from);
    }
  }
}, PURE);

t("apply() names what has changed", () => {
  const { set } = setOf("10.0.0.1:80 10.0.0.2:80,weight=2 10.0.0.3:80");
  assertEquals(apply(set, "10.0.0.3:80 10.0.0.4:80 10.0.0.2:80 %"), {
    added: ["0 10.0.0.4:80"],
    removed: ["0 10.0.0.1:80"],
    changed: ["schedule of group 0", "0 10.0.0.2:80"],
    isReordered: true,
  });
}, PURE);

t("a removed channel drains at the end of its group, and is gone when it is empty", async () => {
  const { table, set, names } = setOf("10.0.0.1:80 10.0.0.2:80 10.0.0.3:80");
  using _ = set;
  const account = table.enter(0, 0);
  table.addSent(account, 7);
  apply(set, "10.0.0.3:80 10.0.0.2:80");
  const [, , last] = [...table.rows()];
  assertEquals([last!.state, last!.c, last!.sent, table.isLeaving(0, 2)], [
    "draining",
    1,
    7n,
    true,
  ]);
  assertEquals(table.placeOf(account), { group: 0, channel: 2 });
  assertEquals([table.length(0), table.active(0), names.get(0, 2)], [3, 2, "10.0.0.1"]);
  assertEquals([table.setState(0, 2, "enabled"), table.available(0, 2)], [false, false]);
  table.leave(account);
  await until(() => table.length(0) === 2);
  assertFresh(table, "10.0.0.3:80 10.0.0.2:80");
});

t("a removed channel that comes back keeps its connections and its counters", () => {
  const { table, set } = setOf("10.0.0.1:80 10.0.0.2:80");
  using _ = set;
  const account = table.enter(0, 0);
  apply(set, "10.0.0.2:80");
  apply(set, "10.0.0.2:80 10.0.0.1:80:9");
  assertEquals(table.placeOf(account), { group: 0, channel: 1 });
  const { state, c, totalc, maxc } = table.row(0, 1);
  assertEquals([state, c, totalc, maxc], ["enabled", 1, 1, 9]);
}, PURE);

t("a channel of an operator stays after those of the file, before those that leave", () => {
  const { table, set, names } = setOf("10.0.0.1:80 10.0.0.2:80");
  using _ = set;
  const held = table.enter(0, 1);
  apply(set, "10.0.0.1:80");
  const created = table.add(0, { address: Uint8Array.of(10, 0, 0, 9), port: 80, enabled: false })!;
  names.set(0, created, "mine");
  assertEquals([created, table.placeOf(held).channel], [1, 2]);
  apply(set, "10.0.0.3:80 10.0.0.1:80");
  assertEquals([names.get(0, 2), table.state(0, 2), table.placeOf(held).channel], [
    "mine",
    "disabled",
    3,
  ]);
  assertEquals([set.keyOf(0, 1), set.keyOf(0, 2), set.keyOf(0, 3)], [
    "10.0.0.1:80",
    undefined,
    "10.0.0.2:80",
  ]);
}, PURE);

t("what an operator changed on an unchanged channel stays, what the file changed applies", () => {
  const { table, set } = setOf("10.0.0.1:80:1 10.0.0.2:80:1 10.0.0.3:80");
  table.setMaxc(0, 0, 7);
  table.setMaxc(0, 1, 7);
  table.setWeight(0, 1, 5);
  table.setState(0, 0, "disabled");
  table.setState(0, 1, "draining");
  table.setSchedule(0, "least");
  table.assign(0, 2, { address: Uint8Array.of(10, 0, 0, 33), port: 8080 });
  apply(set, "10.0.0.3:80 10.0.0.2:80:2 10.0.0.1:80:1");
  const rows = [...table.rows()];
  assertEquals(
    rows.map(({ port, maxc, weight, state, type }) => [port, maxc, weight, state, type]),
    [
      [8080, 0, 1, "enabled", "least"],
      [80, 2, 5, "draining", "least"],
      [80, 7, 1, "disabled", "least"],
    ],
  );
}, PURE);

t("a channel that an operator removed comes back", () => {
  const { table, set } = setOf("10.0.0.1:80 10.0.0.2:80");
  table.remove(0, 0);
  apply(set, "10.0.0.1:80 10.0.0.2:80");
  assertFresh(table, "10.0.0.1:80 10.0.0.2:80");
}, PURE);

t("a full group can be replaced while all of its channels have connections, but not twice", () => {
  const full = (net: number) => [1, 2, 3, 4].map((n) => `10.0.${net}.${n}:80`).join(" ");
  const { table, set } = setOf(full(0));
  using _ = set;
  for (let channel = 0; channel < 4; channel++) table.enter(0, channel);
  apply(set, full(1));
  assertEquals([
    table.active(0),
    table.length(0),
    table.add(0, { address: Uint8Array.of(1, 2, 3, 4), port: 1 }),
  ], [4, 8, undefined]);
  for (let channel = 0; channel < 4; channel++) table.enter(0, channel);
  const before = [shapeOf(table), set.wanted];
  assertThrows(() => apply(set, full(2)), ChannelSetError, "too many removed channels");
  assertEquals([shapeOf(table), set.wanted], before);
}, PURE);

t("more groups or channels than the table was made for are refused", () => {
  const { set } = setOf("10.0.0.1:80");
  assertThrows(() => apply(set, "a b c d e"), ChannelSetError, "5 channels in group 0");
  assertThrows(() => apply(set, "a ! b ! c ! d"), ChannelSetError, "4 groups");
}, PURE);

t("a channel without an address is down until it has one", () => {
  const { table, set } = setOf("10.0.0.1:80 web");
  const nowhere = wantedOf("10.0.0.1:80 web").map((group) => ({
    ...group,
    channels: group.channels.map((one) =>
      one.host === "web" ? { ...one, address: undefined } : one
    ),
  }));
  const account = table.enter(0, 1);
  set.apply(nowhere);
  table.setHealth(0, 1, "up");
  assertEquals([table.available(0, 1), table.address(0, 1).length, table.c(0, 1)], [false, 0, 1]);
  apply(set, "10.0.0.1:80 web");
  assert(table.available(0, 1) && table.account(0, 1) === account && table.c(0, 1) === 1);
}, PURE);
