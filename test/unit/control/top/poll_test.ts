import { assertEquals } from "@std/assert";
import { poll } from "../../../../lib/control/top/poll.ts";
import { t as test, until } from "../../../helpers/t.ts";

/** Registers a test without any permission. */
function t(name: string, fn: () => void | Promise<void>): void {
  test(name, fn, { permissions: "none" });
}

t("poll looks one after another, at once when asked to, and no more when disposed", async () => {
  let running = 0, most = 0, looks = 0;
  const results: number[] = [];
  {
    using looking = poll(async () => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
      return ++looks;
    }, { periodMs: 60_000, rest: 0, onResult: (n) => results.push(n), onError: () => {} });
    looking.now();
    looking.now();
    await until(() => results.length === 2);
    looking.now();
    await until(() => results.length === 3);
    looking.now();
  }
  await Promise.resolve();
  await Promise.resolve();
  assertEquals([most, results], [1, [1, 2, 3]]);
});
