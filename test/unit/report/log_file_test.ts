import { assert, assertEquals, assertRejects } from "@std/assert";
import { ExitError, UsageError } from "../../../lib/base/errors.ts";
import { openLogFile, type OpenLogSink } from "../../../lib/report/log_file.ts";
import { t, until } from "../../helpers/t.ts";

/** A log file in memory, on a disk with `room` free bytes. */
class Disk {
  text = "";
  room = Infinity;
  opened = 0;
  closed = 0;
  /** Each write waits for this promise. */
  gate: Promise<void> | undefined;
  /** The next writes wait for one of these each. */
  gates: Promise<void>[] = [];
  readonly notices: string[] = [];

  readonly open: OpenLogSink = () => {
    this.opened++;
    return Promise.resolve({
      write: async (bytes) => {
        await this.gate;
        await this.gates.shift();
        if (this.room === 0) throw new Error("No space left on device (os error 28)");
        const count = Math.min(bytes.length, this.room);
        this.room -= count;
        this.text += new TextDecoder().decode(bytes.subarray(0, count));
        return count;
      },
      close: () => this.closed++,
    });
  };

  log() {
    return openLogFile("/log", { open: this.open, notice: (line) => this.notices.push(line) });
  }
}

t("a full disk is reported once; with room again the log continues with whole lines", async () => {
  const disk = new Disk();
  const log = await disk.log();
  disk.room = 8;
  log.line("first");
  log.line("second");
  log.line("third");
  await until(() => disk.notices.length === 1);
  assertEquals(disk.text, "first\nse");
  log.line("lost");
  await until(() => log.dropped === 2);
  assertEquals(disk.notices, [
    "cannot write log file [/log], lines are dropped: No space left on device",
  ]);
  disk.room = Infinity;
  log.line("again");
  await log.close();
  assertEquals(disk.text, "first\nsecond\nagain\n");
  assertEquals([log.dropped, disk.opened, disk.closed], [2, 1, 1]);
  assertEquals(disk.notices.slice(1), [
    "log file [/log] is writable again, 2 lines were dropped so far",
    "2 lines of the log were dropped",
  ]);
});

const TOO_SLOW = "log file [/log] is too slow, lines are dropped";

t("from 1 MiB on senders wait; lines that cannot wait are queued beyond it", async () => {
  const disk = new Disk();
  const gate = Promise.withResolvers<void>();
  disk.gate = gate.promise;
  const log = await disk.log();
  const line = "x".repeat(1023);
  for (let i = 0; i < 1023; i++) log.line(line);
  assertEquals(log.room(), undefined);
  for (let i = 0; i < 3000; i++) log.line(line);
  const room = log.room();
  assert(room !== undefined);
  gate.resolve();
  await room;
  assertEquals(log.room(), undefined);
  await log.close();
  assertEquals([disk.text.length, log.dropped, disk.notices], [4023 << 10, 0, []]);
});

t("a stuck reader is too slow after a second; lines are dropped until it reads again", async () => {
  const disk = new Disk();
  const gate = Promise.withResolvers<void>();
  disk.gate = gate.promise;
  const log = await disk.log();
  const line = "x".repeat(1023);
  for (let i = 0; i < 1024; i++) log.line(line);
  const started = performance.now();
  await log.room();
  const ms = performance.now() - started;
  assert(ms > 900, `too slow after ${ms} ms`);
  assertEquals([log.room(), log.dropped, disk.notices], [undefined, 0, []]);
  for (let i = 0; i < 100; i++) log.line(line);
  assertEquals([log.dropped, disk.notices], [100, [TOO_SLOW]]);
  gate.resolve();
  await until(() => disk.text.length === 1 << 20);
  log.line("again");
  await log.close();
  assert(disk.text.endsWith("x\nagain\n"));
  assertEquals(disk.notices, [TOO_SLOW, "100 lines of the log were dropped"]);
});

t("close() gives up on a stuck reader after a second, and counts its lines", async () => {
  const disk = new Disk();
  disk.gate = new Promise(() => {});
  const log = await disk.log();
  for (let i = 0; i < 50; i++) log.line("x");
  const started = performance.now();
  await log.close();
  assert(performance.now() - started < 3000);
  assertEquals([log.dropped, disk.notices], [50, ["50 lines of the log were dropped"]]);
});

t("close() reports one dropped line in the singular", async () => {
  const disk = new Disk();
  disk.room = 0;
  const log = await disk.log();
  log.line("lost");
  await until(() => log.dropped === 1);
  disk.room = Infinity;
  log.line("kept");
  await log.close();
  assertEquals(disk.notices.slice(1), [
    "log file [/log] is writable again, 1 line was dropped so far",
    "1 line of the log was dropped",
  ]);
});

t("close() writes everything to a reader that is slow, but reads", async () => {
  const disk = new Disk();
  const log = await disk.log();
  const gates = Array.from({ length: 20 }, () => Promise.withResolvers<void>());
  disk.gates = gates.map((gate) => gate.promise);
  for (let i = 0; i < 1024; i++) log.line("x".repeat(1023));
  const closed = log.close();
  for (const gate of gates) {
    gate.resolve();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await closed;
  assertEquals([disk.text.length, log.dropped, disk.notices], [1 << 20, 0, []]);
});

t("reopen() closes the old file after its last batch, and loses no line", async () => {
  const disk = new Disk();
  const log = await disk.log();
  const gate = Promise.withResolvers<void>();
  disk.gate = gate.promise;
  log.line("one");
  log.reopen();
  await until(() => disk.opened === 2);
  log.line("two");
  assertEquals(disk.closed, 0);
  gate.resolve();
  await log.close();
  assertEquals([disk.text, disk.closed], ["one\ntwo\n", 2]);
});

t("openLogFile() refuses a directory with exit code 73 and an empty name with 64", async () => {
  const notice = () => {};
  const error = await assertRejects(() => openLogFile("/", { notice }), ExitError);
  assertEquals([error.message, error.exitCode], [
    "balance: can't open log file [/]: Is a directory",
    73,
  ]);
  const empty = await assertRejects(() => openLogFile("", { notice }), UsageError);
  assertEquals(empty.exitCode, 64);
});

t("a full disk is reported once, with the reason of the system", async () => {
  const notices: string[] = [];
  const log = await openLogFile("/dev/full", { notice: (line) => notices.push(line) });
  for (let i = 1; i <= 4; i++) {
    log.line("lost");
    await until(() => log.dropped === i);
  }
  await log.close();
  assertEquals(notices, [
    "cannot write log file [/dev/full], lines are dropped: No space left on device",
    "4 lines of the log were dropped",
  ]);
});
