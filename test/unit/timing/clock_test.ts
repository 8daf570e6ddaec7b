import { assert, assertEquals } from "@std/assert";
import { Clock, TICK_MS } from "../../../lib/timing/clock.ts";
import { t, until } from "../../helpers/t.ts";

/** A watcher that records its ticks. */
function watcher(): { ticks: number[]; tick(now: number): void } {
  const ticks: number[] = [];
  return { ticks, tick: (now) => void ticks.push(now) };
}

t("Clock calls every watcher at each tick, with increasing times", async () => {
  const clock = new Clock(), one = watcher(), two = watcher();
  clock.watch(one);
  clock.watch(two);
  await until(() => one.ticks.length >= 3);
  clock.stop();
  assertEquals(one.ticks, two.ticks);
  assertEquals(one.ticks, one.ticks.toSorted((a, b) => a - b));
  assertEquals(one.ticks.at(-1), clock.now);
  const steps = one.ticks.map((now, i) => now - (one.ticks[i - 1] ?? 0));
  assert(steps.every((step) => step > 0 && step <= 2 * TICK_MS), `${steps}`);
});

t("Clock calls a watcher added twice once per tick, and never after unwatch()", async () => {
  const clock = new Clock(), one = watcher(), two = watcher();
  clock.watch(one);
  clock.watch(one);
  clock.watch(two);
  await until(() => one.ticks.length >= 1);
  clock.unwatch(one);
  const seen = one.ticks.length;
  await until(() => two.ticks.length >= seen + 2);
  assertEquals(one.ticks, two.ticks.slice(0, seen));
  clock.stop();
});

t("Clock allows unwatch() and watch() during a tick", async () => {
  const clock = new Clock(), late = watcher();
  let ticks = 0;
  const once = {
    tick() {
      ticks++;
      clock.unwatch(once);
      clock.watch(late);
    },
  };
  clock.watch(once);
  await until(() => late.ticks.length >= 2);
  clock.stop();
  assertEquals(ticks, 1);
});

t("Clock stops, without a timer, while it has no watcher, and continues afterwards", async () => {
  const clock = new Clock(), one = watcher();
  clock.watch(one);
  await until(() => one.ticks.length >= 1);
  clock.unwatch(one);
  const stopped = clock.now, count = one.ticks.length;
  await new Promise((resolve) => setTimeout(resolve, 3 * TICK_MS));
  assertEquals(clock.now, stopped);
  clock.watch(one);
  await until(() => one.ticks.length > count);
  const step = (one.ticks[count] ?? NaN) - stopped;
  assert(step > 0 && step <= 2 * TICK_MS, `${step} ms`);
  clock.stop();
  clock.stop();
});

t("Clock does not count time during which the process could not run", async () => {
  const clock = new Clock(), one = watcher();
  clock.watch(one);
  await until(() => one.ticks.length >= 1);
  const before = clock.now, count = one.ticks.length;
  for (const end = performance.now() + 8 * TICK_MS; performance.now() < end;);
  await until(() => one.ticks.length > count);
  clock.stop();
  const step = (one.ticks[count] ?? NaN) - before;
  assert(step <= 2 * TICK_MS, `${step} ms`);
});
