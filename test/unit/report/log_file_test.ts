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
  readonly notices: string[] = [];

  readonly open: OpenLogSink = () => {
    this.opened++;
    return Promise.resolve({
      write: async (bytes) => {
        await this.gate;
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

t(
  "a stuck reader costs bounded memory, and close() does not wait for it",
  async () => {
    const disk = new Disk();
    disk.gate = new Promise(() => {});
    const log = await disk.log();
    const line = "x".repeat(999);
    for (let i = 0; i < 5000; i++) log.line(line);
    assert(log.dropped > 3800 && log.dropped < 4000, `${log.dropped} lines dropped`);
    assertEquals(disk.notices, ["log file [/log] is too slow, lines are dropped"]);
    const started = performance.now();
    await log.close();
    assert(performance.now() - started < 3000);
  },
);

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
