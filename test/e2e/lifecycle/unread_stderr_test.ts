/** Nobody reads what balance prints, or it cannot be written: clients must not notice. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { named } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { program } from "../../helpers/program/program.ts";
import { runBalance, startBalance } from "../../helpers/program/start_balance.ts";
import { t, within } from "../../helpers/t.ts";

/** What a pipe holds on Linux. */
const PIPE_BYTES = 65536;

/** A command line with `-d` that prints `count` lines, about 40 bytes each, per connection. */
function talkative(address: string, count: number): string[] {
  const refusing = Array<string>(count).fill(`127.0.0.1:${freePort()}`);
  return ["-f", "-d", "--max-channels", String(count), "PORT", ...refusing, "!", address];
}

/** How many failed attempts to connect were printed, each on a line of its own. */
function failures(stderr: string): number {
  return stderr.match(/^connect to group 0 channel \d+ failed: refused$/gm)?.length ?? 0;
}

t(
  "-d into a pipe that nobody reads: clients are served, control answers, SIGTERM ends it",
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
      what: "the end although nobody reads stderr",
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
  const { command, args } = program({ cachedOnly: true });
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
