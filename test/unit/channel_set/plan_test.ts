import { assertEquals } from "@std/assert";
import { changeOf, type Member, planGroup } from "../../../lib/channel_set/plan.ts";
import { changesText } from "../../../lib/channel_set/set_changes.ts";
import { wantedOf } from "../../helpers/channel_set/wanted.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

/** The plan in short: `kept 0`, `added KEY`, ... */
function plan(
  members: readonly Member[],
  texts: { before: string; wanted: string; length?: number; missing?: "back" | "removed" },
) {
  const [before] = wantedOf(texts.before), [wanted] = wantedOf(texts.wanted);
  const { length = members.length, missing = "back" } = texts;
  const { places, isRearranged } = planGroup(members, { before, wanted, length, missing });
  const lines = places.map((one) =>
    `${one.kind} ${one.kind === "added" ? one.to.key : one.from}` +
    (one.kind === "kept" && one.before === undefined ? " back" : "")
  );
  return isRearranged ? lines : "as before";
}

function member(channel: number, key?: string, isLeaving = false): Member {
  return { channel, key, isLeaving };
}

t("planGroup() has wanted channels first, then created ones, then those that leave", () => {
  const members = [member(0, "a:80"), member(1, "b:80"), member(2), member(3, "c:80", true)];
  const before = "a b";
  assertEquals(plan(members, { before, wanted: "a b" }), "as before");
  assertEquals(plan(members, { before, wanted: "b a" }), [
    "kept 1",
    "kept 0",
    "created 2",
    "leaving 3",
  ]);
  assertEquals(plan(members, { before, wanted: "d a" }), [
    "added d:80",
    "kept 0",
    "created 2",
    "leaving 3",
    "leaving 1",
  ]);
  assertEquals(plan(members, { before, wanted: "c a b" }), [
    "kept 3 back",
    "kept 0",
    "kept 1",
    "created 2",
  ]);
  assertEquals(plan(members, { before, wanted: "" }), [
    "created 2",
    "leaving 3",
    "leaving 0",
    "leaving 1",
  ]);
}, PURE);

t(
  "planGroup() brings channels back that an operator has removed, unless they are kept away",
  () => {
    const members = [member(1, "b:80")], texts = { before: "a b", wanted: "a b", length: 2 };
    assertEquals(plan(members, texts), ["added a:80", "kept 1"]);
    assertEquals(plan(members, { ...texts, missing: "removed" }), ["kept 1"]);
    const more = { ...texts, wanted: "a b c", missing: "removed" } as const;
    assertEquals(plan(members, more), ["kept 1", "added c:80"]);
  },
  PURE,
);

t("equal channels are distinguished by their order", () => {
  const members = [member(0, "a:80"), member(1, "a:80#2"), member(2, "b:80")];
  const before = "a a b";
  assertEquals(plan(members, { before, wanted: "b a" }), ["kept 2", "kept 0", "leaving 1"]);
  assertEquals(plan(members, { before, wanted: "a a a b" }), [
    "kept 0",
    "kept 1",
    "added a:80#3",
    "kept 2",
  ]);
}, PURE);

t("changeOf() compares what was wanted with what is wanted", () => {
  const one = (text: string) => wantedOf(text)[0]!.channels[0]!;
  const names = (before: string, to: string) =>
    Object.entries(changeOf(one(before), one(to))).flatMap(([name, is]) => is ? [name] : []);
  assertEquals(names("a", "a"), []);
  assertEquals(names("a", "a:80:5"), ["maxc"]);
  assertEquals(names("a", "a,weight=2"), ["weight"]);
  assertEquals(names("a,check=tcp", "a,check=http:/x"), ["check"]);
  assertEquals(names("a", "a,check-port=9"), ["check"]);
  assertEquals(names("a,send-proxy=v1", "a,send-proxy=v2,id"), ["sendProxy"]);
  assertEquals(names("10.0.0.1", "10.0.0.2"), ["address"]);
  assertEquals(Object.values(changeOf(undefined, one("a"))), [true, true, true, true, true]);
}, PURE);

t("changesText() counts what has changed", () => {
  const text = (added: string[], removed: string[], changed: string[]) =>
    changesText({ added, removed, changed, isReordered: false });
  assertEquals(text([], [], []), undefined);
  assertEquals(text(["a"], [], []), "1 channel added");
  assertEquals(text(["a", "b"], ["c"], ["d"]), "2 channels added, 1 removed, 1 changed");
  assertEquals(text([], [], ["schedule of group 0"]), "1 schedule changed");
  const order = { added: [], removed: [], changed: [], isReordered: true };
  assertEquals(changesText(order), "the order has changed");
}, PURE);
