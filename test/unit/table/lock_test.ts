import { assert, assertEquals, assertThrows } from "@std/assert";
import { Lock } from "../../../lib/table/lock.ts";
import { newTable, Table } from "../../../lib/table/table.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("a lock that a dead worker holds is taken from it after a second", () => {
  const table = newTable({ groups: 1, channels: 1, workers: 2 });
  const dead = new Table(table.handle, 1);
  dead.locked(() => {
    const start = performance.now();
    // The other isolate never returns from here.
    assertEquals(table.locked(() => 7), 7);
    assert(performance.now() - start > 900);
  });
  // Its late release does not free the lock of another isolate.
  assertEquals(table.locked(() => table.length(0)), 0);
}, PURE);

t("a late release does not free a lock that was taken from its holder", () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  const one = new Lock(words, { at: 1, worker: 0, of: "table" });
  const two = new Lock(words, { at: 1, worker: 1, of: "table" });
  one.run(() => two.run(() => assertEquals(words[1], 2)));
  assertEquals(words[1], 0);
  words[1] = 2;
  one.releaseWorker(0);
  assertEquals(words[1], 2);
  one.releaseWorker(1);
  assertEquals(words[1], 0);
}, PURE);

t("a lock is not taken twice by the same isolate, and is released after an error", () => {
  const words = new Int32Array(new SharedArrayBuffer(4));
  const lock = new Lock(words, { at: 0, worker: 0, of: "limits" });
  assertThrows(() => lock.run(() => lock.run(() => {})), Error, "of the limits is held already");
  assertEquals([words[0], lock.isHeld], [0, false]);
}, PURE);
