import { assertEquals, assertLess } from "@std/assert";
import { expireAfter } from "../../../../lib/check/probes/deadlines.ts";
import { t, until } from "../../../helpers/t.ts";

t("expireAfter() calls each function once, in order, not before its time", async () => {
  const expired: string[] = [];
  const started = performance.now();
  const early: number[] = [];
  for (const [name, ms] of [["a", 40], ["b", 20], ["c", 40], ["d", 0]] as const) {
    expireAfter(ms, () => {
      expired.push(name);
      early.push(ms - (performance.now() - started));
    });
  }
  await until(() => expired.length === 4, { what: "all deadlines" });
  assertEquals(expired, ["d", "b", "a", "c"]);
  // A timer may be a fraction of a millisecond early.
  for (const ms of early) assertLess(ms, 1);
});

t("a deadline that is met never expires, and leaves no timer", async () => {
  const expired: string[] = [];
  const met = ["a", "b", "c"].map((name) => expireAfter(20, () => expired.push(name)));
  met[1]!();
  await until(() => expired.length === 2, { what: "the other two" });
  assertEquals(expired, ["a", "c"]);
  for (const each of met) each();
  // The sanitizer of timers fails the test if this one is left.
  expireAfter(60_000, () => expired.push("never"))();
  const again = expireAfter(60_000, () => expired.push("never"));
  expireAfter(60_000, () => expired.push("never"))();
  again();
  assertEquals(expired, ["a", "c"]);
});
