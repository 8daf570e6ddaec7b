import { assertEquals } from "@std/assert";
import { Traffic } from "../../../lib/table/traffic.ts";
import { t } from "../../helpers/t.ts";

t("Traffic sums the batches of all isolates, sets a counter exactly, and moves one", () => {
  const size = { counters: 2, workers: 2 };
  const buffer = new SharedArrayBuffer(Traffic.byteLength(2, 2));
  const one = new Traffic(buffer, { ...size, worker: 0 });
  const two = new Traffic(buffer, { ...size, worker: 1 });
  one.add(0, 5);
  two.add(0, 7);
  two.add(1, Number.MAX_SAFE_INTEGER);
  assertEquals([one.sum(0), two.sum(1)], [12n, BigInt(Number.MAX_SAFE_INTEGER)]);
  one.set(0, 1n);
  two.add(0, 2);
  assertEquals(one.sum(0), 3n);
  one.move(0, 1);
  assertEquals(two.sum(1), BigInt(Number.MAX_SAFE_INTEGER) + 3n);
}, { permissions: "none" });
