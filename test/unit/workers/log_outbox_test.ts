import { assert, assertEquals } from "@std/assert";
import { LogOutbox } from "../../../lib/workers/log_outbox.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

/** An outbox, and the batches that it has sent. */
function outbox() {
  const batches: (readonly string[])[] = [];
  return { log: new LogOutbox((lines) => batches.push(lines)), batches };
}

/** As many characters as the outbox has room for. */
const FULL = "x".repeat(64 << 10);

t("LogOutbox has one batch in flight; lines that arrive meanwhile form the next", async () => {
  const { log, batches } = outbox();
  log.line("a");
  log.line("b");
  await Promise.resolve();
  log.line("c");
  log.line("d");
  await Promise.resolve();
  assertEquals(batches, [["a", "b"]]);
  log.taken();
  assertEquals(batches.slice(1), [["c", "d"]]);
  log.taken();
  log.line("e");
  await Promise.resolve();
  assertEquals(batches.slice(2), [["e"]]);
}, PURE);

t("LogOutbox: senders wait until the main isolate has taken a batch", async () => {
  const { log, batches } = outbox();
  log.line(FULL);
  const room = log.room();
  assert(room !== undefined);
  await Promise.resolve();
  // Lines that cannot wait are queued.
  log.line("x");
  log.taken();
  await room;
  assertEquals(log.room(), undefined);
  assertEquals(batches, [[FULL], ["x"]]);
}, PURE);

t("LogOutbox: flush() sends the rest without an answer, and lets senders continue", async () => {
  const { log, batches } = outbox();
  log.line(FULL);
  await Promise.resolve();
  log.line("last");
  const room = log.room();
  log.flush();
  await room;
  assertEquals(batches, [[FULL], ["last"]]);
}, PURE);
