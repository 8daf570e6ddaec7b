import { assert, assertEquals } from "@std/assert";
import { compareWith, remember } from "../../../../lib/control/top/memory.ts";
import { t } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

const at = (timeMs: number) => ({ timeMs });
type Memory = ReturnType<typeof at>[];

t("memory ignores a sample that follows too soon, and has no rate after so short a time", () => {
  let memory = remember([] as Memory, at(0));
  assertEquals(compareWith(memory, 100), undefined);
  memory = remember(memory, at(100));
  assertEquals(memory, [at(0)]);
  memory = remember(memory, at(1000));
  assertEquals(memory, [at(1000), at(0)]);
  assertEquals(compareWith(memory, 1100), at(0));
}, PURE);

t("rates are averaged over the last five seconds, or since the first sample", () => {
  let memory = remember([] as Memory, at(0));
  // Samples are late by a few milliseconds.
  for (let i = 1; i <= 20; i++) {
    const now = i * 1003;
    assertEquals(compareWith(memory, now), at(Math.max(0, i - 5) * 1003));
    memory = remember(memory, at(now));
    assert(memory.length <= 7);
  }
}, PURE);

t("with a slow server, the rate is since the last sample", () => {
  let memory = remember([] as Memory, at(0));
  for (let now = 10_000; now < 100_000; now += 10_000) {
    assertEquals(compareWith(memory, now), at(now - 10_000));
    memory = remember(memory, at(now));
    assertEquals(memory.length, 2);
  }
}, PURE);
