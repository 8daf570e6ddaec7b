import { assert, assertRejects } from "@std/assert";
import { runningTime } from "./running_time.ts";
import { sleep, t, until, within } from "./t.ts";

/** Holds up the event loop, as a process that gets no CPU time. */
function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

async function severalTurns(): Promise<void> {
  for (let i = 0; i < 5; i++) await sleep(1);
}

t("runningTime() counts little of a turn of the event loop that takes long", async () => {
  const started = performance.now();
  using time = runningTime();
  for (let i = 0; i < 10; i++) {
    block(100);
    assert(time.ms <= 200, `${time.ms} ms`);
  }
  await until(() => time.ms >= 300);
  assert(performance.now() - started >= 1090);
});

t(
  "runningTime() calls onTick() with the milliseconds so far, until it is disposed of",
  async () => {
    let ticks = 0, last = 0;
    {
      using time = runningTime((ms) => {
        ticks++;
        last = ms;
      });
      await until(() => ticks === 2);
      assert(last > 0 && last <= time.ms);
    }
    using _other = runningTime();
    await sleep(250);
    assert(ticks === 2);
  },
);

t("until() and within() allow for turns of the event loop that take long", async () => {
  let done = false;
  const wait = severalTurns().then(() => done = true);
  const limits = [
    within(wait, { timeoutMs: 400, what: "several turns" }),
    until(() => done, { timeoutMs: 400 }),
  ];
  block(1000);
  await Promise.all(limits);
});

t("until() and within() end although others wait too", async () => {
  using _other = runningTime();
  const never = Promise.withResolvers<void>();
  await Promise.all([
    assertRejects(() => within(never.promise, { timeoutMs: 300, what: "x" }), Error, "in vain"),
    assertRejects(() => until(() => false, { timeoutMs: 300 }), Error, "in vain"),
  ]);
});
