import { assertEquals, assertRejects } from "@std/assert";
import { settlesWithin, within } from "../../../lib/base/within.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const never = new Promise<never>(() => {});
const failsAfter = (ms: number) =>
  new Promise<never>((_, reject) => setTimeout(() => reject(new Error("failed")), ms));

t("within() returns the value in time, else undefined, and keeps no timer", async () => {
  assertEquals(await within(Promise.resolve(5), 60_000), 5);
  assertEquals(await within(never, 1), undefined);
}, PURE);

t("within() passes on a rejection in time and ignores a later one", async () => {
  await assertRejects(() => within(failsAfter(0), 60_000), Error, "failed");
  const late = failsAfter(20);
  assertEquals(await within(late, 1), undefined);
  await new Promise((resolve) => setTimeout(resolve, 30));
}, PURE);

t("settlesWithin() reports whether the promise settled in time", async () => {
  assertEquals(await settlesWithin(Promise.resolve(), 60_000), true);
  assertEquals(await settlesWithin(never, 1), false);
}, PURE);
