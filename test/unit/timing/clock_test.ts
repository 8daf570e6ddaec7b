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

t(
  "Clock ticks once a second while nothing asks for the time, which is right when asked",
  async () => {
    const clock = new Clock(), ticks: { now: number; at: number }[] = [];
    clock.watch({
      tick(now) {
        ticks.push({ now, at: performance.now() });
        return Infinity;
      },
    });
    await until(() => ticks.length >= 3, { timeoutMs: 10_000 });
    const [, second, third] = ticks.map(({ now }) => now);
    assert(third! - second! >= 9 * TICK_MS, `${third! - second!} ms`);
    await new Promise((resolve) => setTimeout(resolve, 3 * TICK_MS));
    const count = ticks.length, last = ticks[count - 1]!;
    const now = clock.now, passed = Math.min(performance.now() - last.at, 10 * TICK_MS);
    assertEquals(ticks.length, count, "asking for the time calls nothing");
    assert(Math.abs(now - last.now - passed) < TICK_MS, `${now - last.now}, not ${passed} ms`);
    await until(() => ticks.length > count);
    clock.stop();
    assert(ticks[count]!.now - now <= 2 * TICK_MS, `${ticks[count]!.now - now} ms`);
  },
);

t(
  "Clock ticks ten times per second for an object that needs that, also if nothing asks",
  async () => {
    const clock = new Clock(), one = watcher(), patient = { tick: () => Infinity };
    clock.watch(patient);
    clock.watch(one);
    await until(() => one.ticks.length >= 8);
    clock.stop();
    const steps = one.ticks.map((now, i) => now - (one.ticks[i - 1] ?? 0));
    assert(steps.every((step) => step <= 2 * TICK_MS), `${steps}`);
  },
);

t(
  "Clock calls an object that is watched while ticks are rare as soon as usual",
  async () => {
    const clock = new Clock(), ticks: number[] = [];
    clock.watch({ tick: (now) => (ticks.push(now), Infinity) });
    await until(() => ticks.length >= 2, { timeoutMs: 10_000 });
    const one = watcher(), before = clock.now;
    clock.watch(one);
    await until(() => one.ticks.length >= 2);
    clock.stop();
    assert(one.ticks[1]! - before <= 4 * TICK_MS, `${one.ticks[1]! - before} ms`);
  },
);
