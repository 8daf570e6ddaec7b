/** Nobody reads what balance prints, or it cannot be written: clients must not notice. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { echo, named } from "../../helpers/net/backends.ts";
import { ask, connect, readText } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { program } from "../../helpers/program/program.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { t, within, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** What a pipe holds on Linux. */
const PIPE_BYTES = 65536;

/** A command line with `-d` that prints `count` lines, about 40 bytes each, per connection. */
function talkative(address: string, count: number): string[] {
  const refusing = Array<string>(count).fill(`127.0.0.1:${freePort()}`);
  return ["-f", "-d", "--max-channels", String(count), "PORT", ...refusing, "!", address];
}

/** How many failed attempts to connect were printed, each on a separate line. */
function failures(stderr: string): number {
  return stderr.match(/^connect to group 0 channel \d+ failed: refused$/gm)?.length ?? 0;
}

t(
  "-d into a pipe without a reader: clients are served, control answers, SIGTERM ends it",
  async () => {
    await using server = named("B0");
    const argv = talkative(server.address, 40);
    await using balance = await startBalance(argv, { stderr: "unread", expectStderr: "any" });
    for (let i = 0; i < 100; i++) assertEquals(await ask(balance.port), "B0");
    const { rundir } = balance;
    const answer = await runBalance(["-c", "show", String(balance.port)], { rundir });
    assertEquals(answer.code, 0);
    assertStringIncludes(answer.stdout, "   100 ");
    const started = performance.now();
    balance.kill();
    const { code, stderr } = await within(balance.ended, {
      timeoutMs: 20_000,
      what: "the exit without a reader of stderr",
    });
    assertEquals(code, 0);
    const took = performance.now() - started;
    assert(took < 10_000, `the end took ${took} ms`);
    assert(stderr.length <= PIPE_BYTES && failures(stderr) < 4000, "the pipe was not full");
  },
);

t("-d is complete when stderr is read late", async () => {
  await using server = named("B0");
  const argv = talkative(server.address, 40);
  await using balance = await startBalance(argv, { stderr: "unread", expectStderr: "any" });
  for (let i = 0; i < 100; i++) assertEquals(await ask(balance.port), "B0");
  balance.readStderr();
  const { stderr } = await balance.stop();
  const lines = stderr.split("\n");
  assertEquals(lines.filter((line) => /^connect from 127\.0\.0\.1$/.test(line)).length, 100);
  assertEquals(failures(stderr), 4000);
});

t("messages that find the queue full are dropped and counted", async () => {
  await using server = named("B0");
  const argv = talkative(server.address, 400);
  await using balance = await startBalance(argv, { stderr: "unread", expectStderr: "any" });
  const clients = 70;
  for (let i = 0; i < clients; i++) assertEquals(await ask(balance.port), "B0");
  balance.readStderr();
  const [, dropped] = await balance.waitForStderr(
    /^balance: (\d+) messages were dropped, standard error is too slow$/m,
    20_000,
  );
  const { stderr } = await balance.stop();
  const lost = clients * 400 - failures(stderr);
  // Besides these, each connection prints a few other lines.
  assert(lost > 0 && lost <= Number(dropped), `${lost} lost, ${dropped} reported`);
});

t("a full disk below stdout or stderr costs messages, never the service", async () => {
  await using server = named("B0");
  for (const redirect of ["> /dev/full", "2> /dev/full", "> /dev/full 2>&1", ">&- 2>&-"]) {
    const argv = ["-f", "-d", "PORT", server.address];
    await using balance = await startBalance(argv, { redirect, expectStderr: "any" });
    for (let i = 0; i < 3; i++) assertEquals(await ask(balance.port), "B0");
    const { code, stdout, stderr } = await balance.stop();
    assertEquals(code, 0);
    if (redirect.startsWith("2>")) assertMatch(stdout, /^argv\[0\]=balance\n/);
    if (redirect !== "> /dev/full") continue;
    assertMatch(
      stderr,
      /^balance: can't write to standard output: No space left on device\nusing port/,
    );
  }
});

for (const option of ["-p", "--dump-file=FILE.txt", "--dump-file=FILE.pcapng", "--log=FILE"]) {
  const isLog = option.startsWith("--log");
  withTools(
    ["prlimit"],
    `${option} on a disk that gets full: one line, service goes on`,
    async () => {
      await using place = tempDir();
      await using server = echo();
      const file = `${place.path}/file`;
      const argv = ["-f", option.replace("FILE", file), "PORT", server.address];
      await using balance = await startBalance(argv, {
        redirect: option === "-p" ? `> ${file}` : "",
        // Otherwise the limit would end the program.
        before: "trap '' XFSZ",
        expectStderr: "any",
      });
      const limit = ["--pid", String(balance.pid), "--fsize=8192"];
      assert((await new Deno.Command("prlimit", { args: limit }).output()).success);
      for (let i = 0; i < 60; i++) {
        await using client = await connect(balance.port);
        await client.send("x".repeat(1000));
        assertEquals((await readText(client, 1000)).length, 1000);
      }
      await balance.waitForStderr(isLog ? /lines are dropped/ : /the dump is off/);
      const { rundir } = balance;
      assertEquals((await runBalance(["-c", "show", String(balance.port)], { rundir })).code, 0);
      const { code, stderr } = await balance.stop();
      assertEquals(code, 0);
      const wanted = isLog
        ? /^cannot write log file .*, lines are dropped: File too large\n\d+ lines of the log .*\n$/
        : /^cannot write dump file .*: File too large, the dump is off\n$/;
      assertMatch(stderr, wanted);
    },
  );
}

t("-p > /dev/full turns the dump off in one line, and the service goes on", async () => {
  await using server = named("B0");
  const argv = ["-f", "-p", "PORT", server.address];
  await using balance = await startBalance(argv, { redirect: "> /dev/full", expectStderr: "any" });
  for (let i = 0; i < 3; i++) assertEquals(await ask(balance.port), "B0");
  const { code, stderr } = await balance.stop();
  assertEquals([code, stderr], [
    0,
    "cannot write dump file [-]: No space left on device, the dump is off\n",
  ]);
});

withTools(["python3"], "output to a nonblocking pipe with a slow reader is complete", async () => {
  await using server = named("B0");
  const channels = Array<string>(900).fill(server.address);
  await using balance = await startBalance(["-f", "--max-channels=900", "PORT", ...channels]);
  // The control socket is open then.
  await balance.quietFds();
  const show = ["-c", "show", String(balance.port)];
  const { command, args } = program({ cachedOnly: true, argv: show });
  const start = "import os, sys; os.set_blocking(1, False); os.execv(sys.argv[1], sys.argv[1:])";
  const reader = "import os, time\nwhile d := os.read(0, 4096): os.write(1, d); time.sleep(.02)";
  const argv = [command, ...args, ...show];
  const { stdout } = await new Deno.Command("/bin/sh", {
    args: ["-c", 'python3 -c "$0" "$@" | python3 -c "$READER"', start, ...argv],
    env: { BALANCE_RUNDIR: balance.rundir, READER: reader },
    stdin: "null",
    stderr: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert(text.length > PIPE_BYTES);
  assertEquals(text.split("\n").length, 902);
});

t(
  "what only prints ends with 74 on a full disk, and silently when its reader has gone",
  async () => {
    await using server = named("B0");
    await using balance = await startBalance(["-f", "PORT", server.address]);
    const { rundir } = balance, port = String(balance.port);
    const printing = [
      ["--help"],
      ["--version"],
      ["--completions", "bash"],
      ["-c", "show", port],
      ["-i", port],
    ];
    for (const argv of printing) {
      const full = await runBalance(argv, { rundir, redirect: "> /dev/full" });
      assertEquals([full.code, full.stderr], [
        74,
        "balance: can't write to standard output: No space left on device\n",
      ], argv.join(" "));
      assertEquals(await intoClosedPipe(argv, rundir), "exit 0\n", argv.join(" "));
      const closed = await runBalance(argv, { rundir, redirect: ">&- 2>&-" });
      assertEquals(closed.code, 0, argv.join(" "));
    }
    const { code } = await runBalance(["-f", "--bogus"], { redirect: "2> /dev/full" });
    assertEquals(code, 64);
  },
);

/** Runs balance after the reader of its stdout has gone. Returns what it prints on stderr. */
async function intoClosedPipe(argv: readonly string[], rundir: string): Promise<string> {
  const { command, args } = program({ cachedOnly: true, argv });
  const script = '{ "$@"; echo "exit $?" >&2; } | exec true';
  const { stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", script, "sh", command, ...args, ...argv],
    env: { BALANCE_RUNDIR: rundir },
    stdin: "null",
    stderr: "piped",
    stdout: "null",
  }).output();
  return new TextDecoder().decode(stderr);
}
