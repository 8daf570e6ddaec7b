import { assertEquals, assertThrows } from "@std/assert";
import {
  budgetSize,
  connectionDescriptors,
  maxConnections,
  newBudget,
} from "../../../lib/system/capacity.ts";
import { t } from "../../helpers/t.ts";

t("maxConnections() leaves a descriptor for every backend socket, and for every dump file", () => {
  assertEquals(maxConnections(200, { dumpFiles: false }), 100);
  assertEquals(maxConnections(200, { dumpFiles: true }), 66);
  assertEquals(maxConnections(-3, { dumpFiles: false }), 1);
  assertEquals(maxConnections(undefined, { dumpFiles: true }), Infinity);
});

t("connectionDescriptors() are those that the program, its workers and the budget leave", () => {
  const limit = (descriptors: number | undefined, workers = 1, open = 14) => {
    const budget = budgetSize({ descriptors });
    const free = connectionDescriptors({ descriptors, open }, { workers, budget });
    return maxConnections(free, { dumpFiles: false });
  };
  assertEquals(limit(64), 9);
  assertEquals(limit(128), 41);
  assertEquals(limit(256), 97);
  assertEquals(limit(256, 1, 114), 47);
  assertEquals(limit(1024), 433);
  // Four workers share the descriptors, and each needs some for itself.
  assertEquals(limit(256, 4), 20);
  assertEquals(limit(1024, 4), 104);
  assertEquals(limit(20), 1);
  assertEquals(limit(1_048_576), 524_177);
  assertEquals(limit(undefined), Infinity);
});

t("budgetSize() grows with the descriptor limit, within bounds", () => {
  const sizes = [20, 64, 256, 1024, 1_048_576, undefined]
    .map((descriptors) => budgetSize({ descriptors }));
  assertEquals(sizes, [16, 16, 32, 128, 192, 192]);
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
