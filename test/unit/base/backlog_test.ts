import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Backlog, PatientBacklog } from "../../../lib/base/backlog.ts";
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
  assertEquals([released, backlog.size], [false, 10]);
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

/** Time that passes tick by tick when the test says so. */
function ticks() {
  const pending = new Set<() => void>();
  return {
    schedule(call: () => void) {
      pending.add(call);
      return () => void pending.delete(call);
    },
    pass(count: number) {
      for (let i = 0; i < count; i++) {
        const calls = [...pending];
        pending.clear();
        for (const call of calls) call();
      }
    },
    get pending() {
      return pending.size;
    },
  };
}

t(
  "PatientBacklog: nobody waits once it was full for a second, until it is half empty",
  async () => {
    const time = ticks();
    const backlog = new PatientBacklog(10, time);
    backlog.add(9);
    time.pass(20);
    assertEquals([backlog.room(), backlog.mustDrop, time.pending], [undefined, false, 0]);
    backlog.add(3);
    const room = backlog.room();
    assert(room !== undefined);
    time.pass(9);
    assertEquals([backlog.mustDrop, backlog.room()], [false, room]);
    time.pass(1);
    await room;
    assertEquals([backlog.mustDrop, backlog.room(), time.pending], [true, undefined, 0]);
    backlog.remove(6);
    assertEquals([backlog.size, backlog.mustDrop], [6, true]);
    backlog.remove(1);
    assertEquals(backlog.mustDrop, false);
    // The next time it is full, senders wait again.
    backlog.add(5);
    assert(backlog.room() !== undefined);
    time.pass(9);
    assertEquals(backlog.mustDrop, false);
    time.pass(1);
    assertEquals(backlog.mustDrop, true);
  },
  PURE,
);

t("PatientBacklog: with room in time the second starts again", async () => {
  const time = ticks();
  const backlog = new PatientBacklog(10, time);
  for (let i = 0; i < 5; i++) {
    backlog.add(10);
    const room = backlog.room();
    time.pass(9);
    backlog.remove(10);
    await room;
    assertEquals([backlog.mustDrop, time.pending], [false, 0]);
  }
}, PURE);

t("PatientBacklog: a reader that makes progress is not too slow, however long it is full", () => {
  const time = ticks();
  const backlog = new PatientBacklog(16, time);
  backlog.add(200);
  // An eighth of the limit in each second.
  for (let second = 0; second < 60; second++) {
    time.pass(5);
    backlog.remove(2);
    time.pass(5);
    assertEquals([backlog.isFull, backlog.mustDrop], [true, false], `second ${second}`);
  }
  backlog.remove(1);
  time.pass(9);
  assertEquals(backlog.mustDrop, false);
  time.pass(1);
  assertEquals(backlog.mustDrop, true);
}, PURE);

t("PatientBacklog: ticks of a burst count a quarter", () => {
  const time = ticks();
  const backlog = new PatientBacklog(10, time);
  backlog.add(10);
  for (let tick = 0; tick < 39; tick++) {
    for (let i = 0; i < 51; i++) backlog.add(1);
    time.pass(1);
  }
  assertEquals(backlog.mustDrop, false);
  for (let i = 0; i < 51; i++) backlog.add(1);
  time.pass(1);
  assertEquals(backlog.mustDrop, true);
}, PURE);

t("PatientBacklog: release() ends the waiting and stops the time", async () => {
  const time = ticks();
  const backlog = new PatientBacklog(10, time);
  backlog.add(10);
  const room = backlog.room();
  backlog.release();
  await room;
  assertEquals(time.pending, 0);
}, PURE);
