import { assertEquals } from "@std/assert";
import { poll } from "../../../../lib/control/top/poll.ts";
import { t, until } from "../../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

t("poll() samples one at a time, at once on now(), and never after it is disposed", async () => {
  let running = 0, mostAtOnce = 0, samples = 0;
  const results: number[] = [];
  {
    using polling = poll(async () => {
      mostAtOnce = Math.max(mostAtOnce, ++running);
      await Promise.resolve();
      running--;
      return ++samples;
    }, { periodMs: 60_000, rest: 0, onResult: (n) => results.push(n), onError: () => {} });
    polling.now();
    polling.now();
    await until(() => results.length === 2);
    polling.now();
    await until(() => results.length === 3);
    polling.now();
  }
  await Promise.resolve();
  await Promise.resolve();
  assertEquals([mostAtOnce, results], [1, [1, 2, 3]]);
}, PURE);
