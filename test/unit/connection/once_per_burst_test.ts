import { assertEquals } from "@std/assert";
import { oncePerBurst } from "../../../lib/connection/once_per_burst.ts";
import { t } from "../../helpers/t.ts";

t("oncePerBurst() prints a line once, and again after ten quiet seconds", () => {
  const printed: string[] = [];
  let now = 0;
  const burst = oncePerBurst((line) => printed.push(`${now} ${line}`), () => now);
  for (now = 0; now < 30_000; now += 100) burst.notice("short");
  burst.notice("other");
  now += 10_001;
  burst.notice("short");
  assertEquals(printed, ["0 short", "30000 other", "40001 short"]);
  // Nothing was printed, but the problem lasted.
  now += 60_000;
  burst.lasted("short");
  now += 100;
  burst.notice("short");
  assertEquals(printed.length, 3);
});
