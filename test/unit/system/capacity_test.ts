import { assertEquals } from "@std/assert";
import { mostConnections } from "../../../lib/system/capacity.ts";
import { t } from "../../helpers/t.ts";

t("mostConnections() leaves every client a descriptor for its backend", () => {
  const most = (descriptors: number | undefined, workers = 1, open = 24) =>
    mostConnections({ descriptors, open }, workers);
  assertEquals(most(256), 100);
  assertEquals(most(256, 1, 124), 50);
  assertEquals(most(1024), 484);
  // Each of four has a quarter, and costs something itself.
  assertEquals(most(1024, 4), 118);
  assertEquals(most(20), 1);
  assertEquals(most(1_048_576), 524_260);
  assertEquals(most(undefined), undefined);
});
