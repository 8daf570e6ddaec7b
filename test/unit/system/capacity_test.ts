import { assertEquals } from "@std/assert";
import { maxConnections } from "../../../lib/system/capacity.ts";
import { t } from "../../helpers/t.ts";

t("maxConnections() leaves a file descriptor for every backend socket", () => {
  const limit = (descriptors: number | undefined, workers = 1, open = 24) =>
    maxConnections({ descriptors, open }, workers);
  assertEquals(limit(256), 100);
  assertEquals(limit(256, 1, 124), 50);
  assertEquals(limit(1024), 484);
  // Four workers share the descriptors, and each needs some for itself.
  assertEquals(limit(1024, 4), 118);
  assertEquals(limit(20), 1);
  assertEquals(limit(1_048_576), 524_260);
  assertEquals(limit(undefined), undefined);
});
