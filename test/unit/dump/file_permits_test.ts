import { assertEquals, assertRejects } from "@std/assert";
import { FilePermits } from "../../../lib/dump/file_permits.ts";
import { t } from "../../helpers/t.ts";

const REFUSED = "file descriptor limit reached";

t("FilePermits refuses a file at once if no other is being closed", async () => {
  const permits = new FilePermits(() => 1, 8);
  const permit = permits.request();
  await permit.ready;
  await assertRejects(() => permits.request().ready, Error, REFUSED);
  permit.release();
  permit.release();
  const next = permits.request();
  await next.ready;
  next.release();
  await permits.idle();
});

t("FilePermits lets as many files wait as others are being closed, in order", async () => {
  const permits = new FilePermits(() => 2, 8);
  const [first, second] = [permits.request(), permits.request()];
  first.ending();
  first.ending();
  const opened: string[] = [];
  const third = permits.request();
  const isOpen = third.ready.then(() => opened.push("third"));
  await assertRejects(() => permits.request().ready, Error, REFUSED);
  // A file that waits can end, too: the next one waits for it.
  third.ending();
  const fourth = permits.request();
  const isNext = fourth.ready.then(() => opened.push("fourth"));
  await assertRejects(() => permits.request().ready, Error, REFUSED);
  assertEquals(opened, []);
  first.release();
  await isOpen;
  assertEquals(opened, ["third"]);
  third.release();
  await isNext;
  second.release();
  fourth.release();
  await permits.idle();
});

t("FilePermits refuses those that wait if the limit falls meanwhile", async () => {
  let max = 1;
  const permits = new FilePermits(() => max, 8);
  const permit = permits.request();
  permit.ending();
  const waiting = permits.request();
  max = 0;
  permit.release();
  await assertRejects(() => waiting.ready, Error, REFUSED);
  await permits.idle();
});

t("FilePermits runs at most as many operations at a time, also after failures", async () => {
  const permits = new FilePermits(() => Infinity, 2);
  let running = 0, peak = 0;
  const results = await Promise.allSettled(
    Array.from({ length: 9 }, (_, i) =>
      permits.operate(async () => {
        peak = Math.max(peak, ++running);
        await Promise.resolve();
        running--;
        if (i % 3 === 0) throw new Error("full");
        return i;
      })),
  );
  assertEquals(peak, 2);
  assertEquals(results.filter(({ status }) => status === "rejected").length, 3);
});
