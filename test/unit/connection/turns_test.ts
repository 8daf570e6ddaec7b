import { assert, assertEquals } from "@std/assert";
import { afterWork } from "../../../lib/connection/turns.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("afterWork() waits for the next turn after 5 ms of work, together with all others", async () => {
  // The work of earlier tests does not count.
  await afterWork(performance.now() - 10, undefined);
  const room = Promise.resolve();
  assertEquals(afterWork(performance.now(), undefined), undefined);
  assertEquals(afterWork(performance.now(), room), room);
  let other = false;
  const timer = setTimeout(() => other = true, 0);
  const next = afterWork(performance.now() - 10, undefined);
  assert(next !== undefined && afterWork(performance.now(), undefined) === next);
  await Promise.all([next, afterWork(performance.now(), room)]);
  assert(other);
  clearTimeout(timer);
  assertEquals(afterWork(performance.now(), undefined), undefined);
}, PURE);
