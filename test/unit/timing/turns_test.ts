import { assert, assertEquals } from "@std/assert";
import { afterWork } from "../../../lib/timing/turns.ts";
import { denoEngine } from "../../../lib/engine/deno/deno_engine.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("afterWork() waits for the next turn after 5 ms of work, together with all others", async () => {
  // The work of earlier tests does not count.
  await afterWork(denoEngine, performance.now() - 10, undefined);
  const room = Promise.resolve();
  assertEquals(afterWork(denoEngine, performance.now(), undefined), undefined);
  assertEquals(afterWork(denoEngine, performance.now(), room), room);
  let other = false;
  const timer = setTimeout(() => other = true, 0);
  const next = afterWork(denoEngine, performance.now() - 10, undefined);
  assert(next !== undefined && afterWork(denoEngine, performance.now(), undefined) === next);
  await Promise.all([next, afterWork(denoEngine, performance.now(), room)]);
  assert(other);
  clearTimeout(timer);
  assertEquals(afterWork(denoEngine, performance.now(), undefined), undefined);
}, PURE);

t("afterWork() does not wait for the turn of another engine, which may be abandoned", () => {
  const abandoned = { ...denoEngine, nextTurn: () => new Promise<void>(() => {}) };
  assert(afterWork(abandoned, performance.now() - 10, undefined) !== undefined);
  assertEquals(afterWork({ ...denoEngine }, performance.now(), undefined), undefined);
}, PURE);
