import { assertEquals, assertThrows } from "@std/assert";
import {
  budgetSize,
  connectionLimits,
  maxDumpFiles,
  nameDescriptors,
  neededLimit,
  newBudget,
  pipesPerWorker,
  probeDescriptors,
} from "../../../lib/system/capacity.ts";
import { t } from "../../helpers/t.ts";

t(
  "connectionLimits() leaves a descriptor for every backend socket, and for every dump file",
  () => {
    const limits = (descriptors: number | undefined, workers = 1, open = 14) => {
      const budget = budgetSize({ descriptors });
      const { max, maxWithFiles } = connectionLimits({ descriptors, open }, { workers, budget });
      return [max, maxWithFiles];
    };
    assertEquals(limits(64), [9, 3]);
    assertEquals(limits(128), [41, 24]);
    assertEquals(limits(256), [97, 62]);
    assertEquals(limits(256, 1, 114), [47, 28]);
    assertEquals(limits(1024), [433, 286]);
    // Four workers share the descriptors, and each needs some for itself.
    assertEquals(limits(256, 4), [20, 12]);
    assertEquals(limits(1024, 4), [104, 68]);
    assertEquals(limits(20), [1, 1]);
    assertEquals(limits(1_048_576), [524_177, 349_448]);
    assertEquals(limits(undefined), [Infinity, Infinity]);
  },
);

t("maxDumpFiles() are as many as the open connections leave descriptors for", () => {
  const files = (open: number, descriptors: number | undefined = 256) =>
    maxDumpFiles({ descriptors, open: 14 }, { workers: 1, budget: 32 }, open);
  assertEquals([0, 62, 63, 80, 97, 120].map((open) => files(open)), [62, 62, 60, 26, 1, 1]);
  assertEquals(
    maxDumpFiles({ descriptors: undefined, open: 0 }, { workers: 1, budget: 32 }, 9),
    Infinity,
  );
});

t("budgetSize() grows with the descriptor limit, within bounds", () => {
  const sizes = [20, 64, 256, 1024, 1_048_576, undefined]
    .map((descriptors) => budgetSize({ descriptors }));
  assertEquals(sizes, [16, 16, 32, 128, 192, 192]);
});

t("probeDescriptors() gives each checked channel one, within a part of the limit", () => {
  const counts = [[20, 5], [1024, 5], [1024, 500], [1_048_576, 500], [undefined, 5000]] as const;
  const given = counts.map(([descriptors, checks]) => probeDescriptors({ descriptors }, checks));
  assertEquals(given, [1, 5, 64, 500, 1024]);
});

t("nameDescriptors() gives each name some, within a part of the limit", () => {
  const counts = [[20, 5], [1024, 0], [1024, 5], [1024, 500], [256, 500], [undefined, 9]] as const;
  const given = counts.map(([descriptors, names]) => nameDescriptors({ descriptors }, names));
  assertEquals(given, [1, 0, 15, 32, 16, 27]);
});

t("the shares of a budget never take more than its total, and always get their minimum", () => {
  const budget = newBudget(10);
  budget.share("log", { min: 2, max: 2 });
  const control = budget.share("control", { min: 3 });
  const metrics = budget.share("metrics", { min: 2, max: 4 });
  assertEquals(take(control, 20), 6, "all but the minimum of the others");
  assertEquals(take(metrics, 20), 2, "its minimum");
  control.release();
  assertEquals(take(metrics, 20), 1, "what another share gave back");
  assertEquals(take(control, 20), 0);
  for (let i = 0; i < 5; i++) control.release();
  assertEquals(take(metrics, 20), 1, "its maximum");
  assertEquals([control.used, metrics.used], [0, 4]);
  assertEquals(take(control, 20), 4);
});

t("a budget does not guarantee more than it has", () => {
  const budget = newBudget(16);
  budget.share("control", { min: 12 });
  assertThrows(
    () => budget.share("metrics", { min: 5 }),
    RangeError,
    "Cannot reserve 5 descriptors for metrics: budget is 16",
  );
});

/** Takes descriptors until it gets no more, or has `count`; returns how many it got. */
function take(share: { take(): boolean }, count: number): number {
  let taken = 0;
  while (taken < count && share.take()) taken++;
  return taken;
}

t("the epoll engine gets descriptors for its pipes, and one worker counts as several do", () => {
  const limits = { descriptors: 1024, open: 10 };
  assertEquals(pipesPerWorker(limits, 1), 32);
  assertEquals(pipesPerWorker({ descriptors: 1_000_000 }, 4), 128);
  assertEquals([
    pipesPerWorker({ descriptors: 20 }, 64),
    pipesPerWorker({ descriptors: undefined }, 1),
  ], [0, 128]);
  const division = { workers: 1, budget: 32 };
  const needed = neededLimit({ descriptors: 60, open: 3 }, 4);
  assertEquals([needed, neededLimit({ descriptors: needed, open: 3 }, 4)], [75, undefined]);
  const free = (connections: number) => 2 * connections;
  const { max } = connectionLimits(limits, division);
  const { max: withPipes } = connectionLimits(limits, { ...division, pipes: 32 });
  // 64 for pipes, 8 for the isolate, 4 for the engine.
  assertEquals(free(max) - free(withPipes), 76);
}, { permissions: "none" });
