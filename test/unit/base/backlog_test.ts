import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Backlog } from "../../../lib/base/backlog.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("Backlog makes senders wait from its limit on, until there is room", async () => {
  const backlog = new Backlog(10);
  backlog.add(9);
  assertEquals([backlog.isFull, backlog.room()], [false, undefined]);
  backlog.add(5);
  const room = backlog.room();
  assert(backlog.isFull && room !== undefined);
  assertStrictEquals(backlog.room(), room);
  let released = false;
  void room.then(() => released = true);
  backlog.remove(4);
  await Promise.resolve();
  assertEquals([released, backlog.bytes], [false, 10]);
  backlog.remove(1);
  await room;
  assertEquals([backlog.isFull, backlog.room()], [false, undefined]);
}, PURE);

t("Backlog: release() lets senders continue although it is full", async () => {
  const backlog = new Backlog(10);
  backlog.add(20);
  const room = backlog.room();
  backlog.release();
  await room;
  assert(backlog.room() !== undefined);
}, PURE);
