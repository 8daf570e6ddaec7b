/** The connection log: its lines, its file, and where else it goes. */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { ExitError, UsageError } from "../../../lib/base/errors.ts";
import { parseOptions } from "../../../lib/cli/options.ts";
import type { ConnectionEnd, ConnectionInfo } from "../../../lib/connection/observe.ts";
import { openLogFile, type OpenSink } from "../../../lib/report/log_file.ts";
import { endLine, type LogStyle, startLine } from "../../../lib/report/log_line.ts";
import { monitorOf } from "../../../lib/report/monitor.ts";
import { actorOf, REASONS, word } from "../../../lib/report/vocabulary.ts";
import { named, refusing } from "../../helpers/net/backends.ts";
import { ask, connect, readLine, readToEnd } from "../../helpers/net/client.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { syslogReceiver } from "../../helpers/net/syslog_receiver.ts";
import { t, until } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const NOW = new Date("2026-11-22T08:39:55.656Z");
const TEXT: LogStyle & { now: Date } = { format: "text", starts: false, time: true, now: NOW };
const INFO: ConnectionInfo = {
  id: 17,
  client: { address: "2001:db8::7", port: 40001 },
  listener: { address: "10.0.0.1", port: 80 },
  state: "open",
  ageMs: 1234,
  idleMs: 5,
  sent: 0,
  rcvd: 0,
};
const END: ConnectionEnd = {
  ...INFO,
  group: 1,
  channel: 2,
  backend: { address: "10.0.0.9", port: 8080 },
  sent: 12,
  rcvd: 3_000_000_000,
  reason: "backend reset",
  failed: [{ group: 0, channel: 0, failure: "refused" }, {
    group: 0,
    channel: 1,
    failure: "no local port",
  }],
  connectMs: 0.41249,
};

t("startLine() and endLine() write key=value without blanks in values", () => {
  assertEquals(
    startLine(INFO, TEXT),
    "time=2026-11-22T08:39:55.656Z type=start id=17 client=[2001:db8::7]:40001 " +
      "listener=10.0.0.1:80",
  );
  assertEquals(
    endLine(END, TEXT),
    "time=2026-11-22T08:39:55.656Z type=end id=17 client=[2001:db8::7]:40001 " +
      "listener=10.0.0.1:80 channel=1.2 backend=10.0.0.9:8080 by=backend reason=backend_reset " +
      "attempts=3 failed=0.0:refused,0.1:no_local_port connect_ms=0.412 duration_ms=1234 " +
      "sent=12 rcvd=3000000000",
  );
}, PURE);

t("endLine() writes - for what there is nothing to tell about, and no time for syslog", () => {
  assertEquals(
    endLine({ ...INFO, reason: "nothing available", failed: [] }, { ...TEXT, time: false }),
    "type=end id=17 client=[2001:db8::7]:40001 listener=10.0.0.1:80 channel=- backend=- " +
      "by=balance reason=nothing_available attempts=0 failed=- connect_ms=- duration_ms=1234 " +
      "sent=0 rcvd=0",
  );
}, PURE);

t("endLine() writes JSON with the same keys and words", () => {
  assertEquals(JSON.parse(endLine(END, { ...TEXT, format: "json" })), {
    time: "2026-11-22T08:39:55.656Z",
    type: "end",
    id: 17,
    client: "[2001:db8::7]:40001",
    listener: "10.0.0.1:80",
    channel: "1.2",
    backend: "10.0.0.9:8080",
    by: "backend",
    reason: "backend_reset",
    attempts: 3,
    failed: ["0.0:refused", "0.1:no_local_port"],
    connect_ms: 0.412,
    duration_ms: 1234,
    sent: 12,
    rcvd: 3_000_000_000,
  });
}, PURE);

t("endLine() stays short after a thousand failed attempts, and tells how many there were", () => {
  const failed = Array.from(
    { length: 1000 },
    (_, channel) => ({ group: 0, channel, failure: "refused" } as const),
  );
  const line = endLine({ ...END, failed }, TEXT);
  assertMatch(line, / attempts=1001 /);
  assert(line.length < 1000, `${line.length} characters`);
}, PURE);

t("every reason has somebody who ended the connection, and is one word", () => {
  assertEquals(REASONS.length, 10);
  for (const reason of REASONS) {
    assertMatch(word(reason), /^[a-z_]+$/);
    assertMatch(actorOf(reason), /^(client|backend|balance|admin)$/);
  }
}, PURE);

t("monitorOf() is nothing when nothing is reported, and has no function that is not needed", () => {
  assertEquals(monitorOf({}), undefined);
  const log = { style: TEXT, line() {} };
  const { started, dialed, ended } = monitorOf({ log }) ?? {};
  assertEquals([started, dialed, typeof ended], [undefined, undefined, "function"]);
}, PURE);

t("parseOptions() refuses a log on stdout where that is something else", () => {
  const refused: [string[], RegExp][] = [
    [["--log", "-", "80"], /^balance: --log - needs -f/],
    [["-f", "-p", "--log=-", "80"], /^balance: --log - and -p both print/],
    [
      ["-f", "--log", "x", "--log-format", "xml", "80"],
      /^invalid --log-format \[xml\]: not one of/,
    ],
  ];
  for (const [argv, message] of refused) {
    assertMatch(assertThrows(() => parseOptions(argv), UsageError).message, message);
  }
}, PURE);

/** A file in memory, whose disk has so many bytes of room. */
class Disk {
  text = "";
  room = Infinity;
  opened = 0;
  closed = 0;
  /** Every write waits for it. */
  gate: Promise<void> | undefined;
  readonly notices: string[] = [];

  readonly open: OpenSink = () => {
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

t("a full disk is said once, and whole lines follow when it has room again", async () => {
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
    "log file [/log] is written again, 2 lines were dropped so far",
    "2 lines of the log were dropped",
  ]);
});

t(
  "a reader that takes nothing costs bounded memory, and the end does not wait for it",
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

t("reopen() waits for the end of a batch, and loses no line", async () => {
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

t("openLogFile() refuses what cannot be a log with exit code 73", async () => {
  const notice = () => {};
  const error = await assertRejects(() => openLogFile("/", { notice }), ExitError);
  assertEquals([error.message, error.exitCode], [
    "balance: can't open log file [/]: Is a directory",
    73,
  ]);
  const empty = await assertRejects(() => openLogFile("", { notice }), UsageError);
  assertEquals(empty.exitCode, 64);
});

/** A folder, removed at the end of its scope. */
function folder(): { path: string } & AsyncDisposable {
  const path = Deno.makeTempDirSync({ prefix: "balance-test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** The lines of a file so far. */
function linesOf(path: string): string[] {
  try {
    return Deno.readTextFileSync(path).split("\n").slice(0, -1);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function untilLines(path: string, count: number): Promise<string[]> {
  await until(() => linesOf(path).length >= count, {
    what: () => `${count} lines instead of ${linesOf(path).length} in ${path}`,
  });
  return linesOf(path);
}

t(
  "in the background: relative to the start, 0600, appended to, opened again by SIGHUP",
  async () => {
    await using server = named("B0");
    await using place = folder();
    const path = `${place.path}/conn.log`;
    await using balance = await startBackground(["--log", "conn.log", "PORT", server.address], {
      cwd: place.path,
    });
    // It is there before the parent has ended.
    assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    await ask(balance.port);
    await untilLines(path, 1);
    Deno.renameSync(path, `${path}.1`);
    await ask(balance.port);
    await untilLines(`${path}.1`, 2);
    balance.kill("SIGHUP");
    await until(() => linesOf(path) !== undefined && exists(path), { what: "a new file" });
    await ask(balance.port);
    assertMatch((await untilLines(path, 1))[0] ?? "", / id=3 .* by=client reason=client_closed /);
    assertEquals(linesOf(`${path}.1`).length, 2);
    balance.kill("SIGTERM");
    await balance.gone();
    await using again = await startBackground(["--log", path, "PORT", server.address]);
    await ask(again.port);
    assertEquals((await untilLines(path, 2)).length, 2);
  },
);

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

t("in the foreground SIGUSR2 opens it again, and SIGHUP ends as ever", async () => {
  await using server = named("B0");
  await using place = folder();
  const path = `${place.path}/conn.log`;
  await using balance = await startBalance(["-f", "--log", path, "PORT", server.address], {
    expectStderr: /^cannot reopen log file .*\n$/,
  });
  await ask(balance.port);
  await untilLines(path, 1);
  Deno.removeSync(path);
  balance.kill("SIGUSR2");
  await until(() => exists(path), { what: "a new file" });
  await ask(balance.port);
  await untilLines(path, 1);
  // No folder, no new file: the old one goes on.
  Deno.renameSync(place.path, `${place.path}.moved`);
  try {
    balance.kill("SIGUSR2");
    await balance.waitForStderr(/cannot reopen log file .*keeping the old one: No such file/);
    await ask(balance.port);
    await untilLines(`${place.path}.moved/conn.log`, 2);
  } finally {
    Deno.renameSync(`${place.path}.moved`, place.path);
  }
  assertEquals((await balance.stop("SIGHUP")).code, 0);
});

t("several workers log into one file, every connection once", async () => {
  await using server = named("B0");
  await using place = folder();
  const path = `${place.path}/conn.log`;
  const argv = ["-f", "--workers", "2", "--log", path, "--log-format=json", "--log-start", "PORT"];
  await using balance = await startBalance([...argv, server.address]);
  const count = 60;
  await Promise.all(Array.from({ length: count }, () => ask(balance.port)));
  const lines = (await untilLines(path, 2 * count)).map((line) => JSON.parse(line));
  for (const type of ["start", "end"]) {
    const ids = lines.filter((line) => line.type === type).map(({ id }) => id);
    assertEquals(ids.sort((a, b) => a - b), Array.from({ length: count }, (_, i) => i + 1));
  }
  const client = await connect(balance.port);
  await readLine(client);
  balance.kill();
  await until(() => !listensOn(balance.port, balance.pid), { what: "the listener to go" });
  await client.close();
  assertEquals((await balance.ended).code, 0);
  assertMatch(linesOf(path).at(-1) ?? "", /"reason":"client_closed"/);
});

t("--log - prints on stdout, where journald reads", async () => {
  await using server = named("B0");
  await using balance = await startBalance(["-f", "--log", "-", "PORT", server.address]);
  await ask(balance.port);
  await balance.waitForStdout(/^time=\S+ type=end id=1 \S.* reason=client_closed .*\n$/);
});

t("--log - lives on when its reader has gone or takes nothing", async () => {
  await using server = named("B0");
  await using balance = await startBalance(["-f", "--log", "-", "PORT", server.address], {
    expectStderr: /^cannot write log file \[-\], lines are dropped: Broken pipe\n\d+ lines of/,
  });
  await balance.abandonStdout();
  for (let i = 0; i < 3; i++) assertEquals(await ask(balance.port), "B0");
  await balance.waitForStderr(/Broken pipe/);
  await using stuck = await startBalance(["-f", "--log", "-", "PORT", server.address], {
    stdout: "unread",
  });
  assertEquals(await ask(stuck.port), "B0");
});

t("--log syslog sends lines without a time of their own", async () => {
  await using server = named("B0");
  await using receiver = syslogReceiver();
  await using balance = await startBackground(["--log", "syslog", "PORT", server.address], {
    env: { BALANCE_SYSLOG: receiver.path },
  });
  await ask(balance.port);
  const [line = ""] = await receiver.waitFor(1);
  assertMatch(line, /^<30>\w{3} [ \d]\d \d\d:\d\d:\d\d balance\[\d+\]: type=end id=1 client=/);
  assertEquals(receiver.messages.length, 1);
  balance.kill("SIGTERM");
  await balance.gone();
});

t("a disk that is full is noticed once, and said by its reason", async () => {
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

t("a named pipe needs no reader", async () => {
  await using server = named("B0");
  await using place = folder();
  const path = `${place.path}/pipe`;
  assert((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
  await using balance = await startBalance(["-f", "--log", path, "PORT", server.address]);
  assertEquals(await ask(balance.port), "B0");
  using reader = await Deno.open(path, { read: true, write: true });
  const buffer = new Uint8Array(1000);
  const count = await reader.read(buffer);
  assertMatch(new TextDecoder().decode(buffer.subarray(0, count ?? 0)), /^time=\S+ type=end id=1 /);
});

t("a log that cannot be opened is one clear line and exit code 73, in both modes", async () => {
  await using dead = refusing();
  await using place = folder();
  const path = `${place.path}/missing/conn.log`;
  for (const mode of [["-f"], []]) {
    const argv = [...mode, "--log", path, "PORT", dead.address];
    const { code, stdout, stderr } = await runBalance(argv);
    assertEquals([code, stdout, stderr], [
      73,
      "",
      `balance: can't open log file [${path}]: No such file or directory\n`,
    ]);
  }
  const { code, stderr } = await runBalance(["-f", "--log-start", "PORT", dead.address]);
  assertEquals([code, stderr], [64, "balance: --log-start needs --log\n"]);
});

t("a client that never ends is in the log only with --log-start", async () => {
  await using server = named("B0");
  await using place = folder();
  const path = `${place.path}/conn.log`;
  const argv = ["-f", "--log", path, "--log-start", "PORT", server.address];
  await using balance = await startBalance(argv);
  await using client = await connect(balance.port);
  await readLine(client);
  assertMatch(
    (await untilLines(path, 1))[0] ?? "",
    /^time=\S+ type=start id=1 client=\S+ listener=/,
  );
  await client.closeWrite();
  await readToEnd(client);
  await untilLines(path, 2);
});
