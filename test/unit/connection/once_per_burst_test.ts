import { assertEquals } from "@std/assert";
import { countedPerBurst, oncePerBurst } from "../../../lib/connection/once_per_burst.ts";
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

/** Notices whose ten seconds pass when the test says so. */
function countedNotices(most = 1) {
  const printed: string[] = [];
  let tick: (() => void) | undefined;
  const notices = countedPerBurst(
    (line) => printed.push(line),
    (count) => `${count} more`,
    {
      most,
      every(ms, act) {
        assertEquals([ms, tick], [10_000, undefined]);
        tick = act;
        return () => tick = undefined;
      },
    },
  );
  return { printed, notices, tenSeconds: () => tick?.(), isRunning: () => tick !== undefined };
}

t("countedPerBurst() prints the first line, and a count every ten seconds of the burst", () => {
  const { printed, notices, tenSeconds, isRunning } = countedNotices();
  ["a", "b", "c"].forEach(notices.notice);
  assertEquals(printed, ["a"]);
  tenSeconds();
  assertEquals(printed, ["a", "2 more"]);
  notices.notice("d");
  assertEquals(printed, ["a", "2 more"]);
  tenSeconds();
  assertEquals(printed, ["a", "2 more", "1 more"]);
  assertEquals(isRunning(), true);
  tenSeconds();
  assertEquals(isRunning(), false);
  notices.notice("e");
  assertEquals(printed, ["a", "2 more", "1 more", "e"]);
});

t("countedPerBurst() prints as many lines of each burst as it may", () => {
  const { printed, notices, tenSeconds, isRunning } = countedNotices(2);
  ["a", "b", "c"].forEach(notices.notice);
  assertEquals(printed, ["a", "b"]);
  tenSeconds();
  notices.notice("d");
  assertEquals(printed, ["a", "b", "1 more"]);
  tenSeconds();
  tenSeconds();
  assertEquals(isRunning(), false);
  ["e", "f", "g"].forEach(notices.notice);
  assertEquals(printed, ["a", "b", "1 more", "1 more", "e", "f"]);
});

t("countedPerBurst() prints the rest of the count at the end, and stops its timer", () => {
  const { printed, notices, isRunning } = countedNotices();
  notices.end();
  assertEquals(printed, []);
  ["a", "b"].forEach(notices.notice);
  notices.end();
  notices.end();
  assertEquals(printed, ["a", "1 more"]);
  assertEquals(isRunning(), false);
});
