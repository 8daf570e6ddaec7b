import { assert, assertEquals } from "@std/assert";
import { PatientBacklog } from "../../../lib/base/backlog.ts";
import { type LogBatch, LogOutbox } from "../../../lib/workers/log_outbox.ts";
import { t } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;

/** An outbox with room for ten characters whose time passes when the test says so. */
function outbox() {
  const batches: LogBatch[] = [];
  let tick: (() => void) | undefined;
  const schedule = (call: () => void) => {
    tick = call;
    return () => void (tick = undefined);
  };
  const log = new LogOutbox(
    (batch) => batches.push(batch),
    new PatientBacklog(10, { patienceS: 2, schedule }),
  );
  return {
    log,
    batches,
    pass(ticks: number) {
      for (let i = 0; i < ticks; i++) tick?.();
    },
  };
}

t("LogOutbox has one batch in flight; lines that arrive meanwhile form the next", async () => {
  const { log, batches } = outbox();
  log.line("a");
  log.line("b");
  await Promise.resolve();
  log.line("c");
  log.line("d");
  await Promise.resolve();
  assertEquals(batches, [{ lines: ["a", "b"], lost: 0 }]);
  log.taken();
  assertEquals(batches.slice(1), [{ lines: ["c", "d"], lost: 0 }]);
  log.taken();
  log.line("e");
  await Promise.resolve();
  assertEquals(batches.slice(2), [{ lines: ["e"], lost: 0 }]);
}, PURE);

t("LogOutbox: senders wait until the main isolate has taken a batch", async () => {
  const { log, batches } = outbox();
  log.line("0123456789");
  const room = log.room();
  assert(room !== undefined);
  await Promise.resolve();
  // Lines that cannot wait are queued.
  log.line("x");
  log.taken();
  await room;
  assertEquals(log.room(), undefined);
  assertEquals(batches.map(({ lines }) => lines), [["0123456789"], ["x"]]);
}, PURE);

t("LogOutbox drops and counts lines if the main isolate does not answer for 2 s", async () => {
  const { log, batches, pass } = outbox();
  log.line("0123456789");
  await Promise.resolve();
  pass(19);
  log.line("kept");
  pass(1);
  assertEquals(log.room(), undefined);
  for (let i = 0; i < 3; i++) log.line("dropped");
  log.taken();
  log.taken();
  log.line("later");
  await Promise.resolve();
  assertEquals(batches.slice(1), [{ lines: ["kept"], lost: 3 }, { lines: ["later"], lost: 0 }]);
}, PURE);

t("LogOutbox: flush() sends the rest without an answer, and lets senders continue", async () => {
  const { log, batches } = outbox();
  log.line("0123456789");
  await Promise.resolve();
  log.line("last");
  const room = log.room();
  log.flush();
  await room;
  assertEquals(batches.map(({ lines }) => lines), [["0123456789"], ["last"]]);
}, PURE);
