/** Bursts of connections, and destinations of the access log that are slow. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Fifo, fifo } from "../../helpers/log/fifo.ts";
import { linesOf } from "../../helpers/log/log_file.ts";
import { assertComplete, idsOf } from "../../helpers/log/log_lines.ts";
import { scrape, startWithMetrics, value } from "../../helpers/metrics/start_with_metrics.ts";
import { named, refusing } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { connectAndClose, type Storm, storm } from "../../helpers/net/storm.ts";
import { syslogReceiver } from "../../helpers/net/syslog_receiver.ts";
import { WORKERS } from "../../helpers/program/program.ts";
import { processLimits } from "../../../lib/native/process.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { t, until, untilStill, withTools } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

/** Four channels that refuse make lines longer, so that fewer fill the queue. */
const CHANNELS = 4;
/** Lines of this many connections fill all queues, the pipe, and are as many again. */
const COUNT = 4000;

/**
 * Workers have queues of their own, so that the test could not see soon enough that the log is full.
 * The bursts at the start of this file have as many workers as the other tests.
 */
const ONE_WORKER = ["--workers", "1"];

/** Arguments that log two long lines about each connection to a pipe. */
function longLines(pipe: Fifo, dead: { readonly address: string }): string[] {
  const log = ["--log", pipe.path, "--log-format", "json", "--log-start"];
  return ["-f", ...log, "PORT", ...Array(CHANNELS).fill(dead.address)];
}

/** As many connections as one worker has descriptors for, also if it gets all of them at once. */
const BURST = Math.min(10_000, Math.floor((processLimits().descriptors ?? 20_000) / 2 / WORKERS));

/** Fails if balance accepted all clients without a pause. */
function assertWaited({ longestPauseMs }: Storm): void {
  assert(longestPauseMs >= 150, `the longest pause was ${longestPauseMs} ms`);
}

/**
 * How many lines were dropped. That is allowed only if balance reports that the log was too slow: on
 * a loaded machine, the test may start to read too late.
 */
function droppedIn(stderr: string): number {
  if (stderr === "") return 0;
  const found = /^.* is too slow, lines are dropped\n(\d+) lines? of the log (was|were) dropped\n$/
    .exec(stderr);
  assert(found, stderr);
  return Number(found[1]);
}

for (const format of ["text", "json"]) {
  t(`a burst of connections that leave at once is logged completely as ${format}`, async () => {
    await using dead = refusing();
    await using place = tempDir();
    const path = `${place.path}/log`, port = freePort();
    const argv = [`${port}`, "--log", path, "--log-format", format, "--log-start", "PORT"];
    await using balance = await startWithMetrics([...argv, dead.address], { port });
    const count = await connectAndClose(balance.port, { count: BURST });
    const accepted = await untilStill(
      async () => value(await scrape(port), "balance_connections_accepted_total") ?? 0,
      // A page may be a second old.
      { looks: 20, everyMs: 100, what: "the number of accepted connections" },
    );
    // The kernel may discard clients that leave before they are accepted.
    assert(accepted > count / 2, `${accepted} of ${count} connections accepted`);
    assertEquals(value(await scrape(port), "balance_log_dropped_lines_total"), 0);
    assertEquals((await balance.stop()).stderr, "");
    for (const type of ["start", "end"] as const) {
      const ids = idsOf(linesOf(path), type);
      assertComplete(ids, accepted);
      assertEquals(ids.length, accepted);
    }
  });
}

withTools(
  ["mkfifo"],
  "accepting waits for a reader of the log that pauses, and no line is dropped",
  async () => {
    await using dead = refusing();
    await using place = tempDir();
    const pipe = await fifo(`${place.path}/pipe`);
    const argv = [...ONE_WORKER, ...longLines(pipe, dead)];
    await using balance = await startBalance(argv, { expectStderr: "any" });
    const clients = storm(balance.port, { count: COUNT });
    await clients.stalled();
    const text = pipe.read();
    await clients.done;
    assertWaited(clients);
    const { code, stderr } = await balance.stop();
    assertEquals(code, 0);
    const lines = (await text).trimEnd().split("\n");
    assertEquals(lines.length + droppedIn(stderr), 2 * COUNT, stderr);
    if (stderr !== "") return;
    assertComplete(idsOf(lines, "start"), COUNT);
    assertComplete(idsOf(lines, "end"), COUNT);
  },
);

for (const workers of [1, 4]) {
  withTools(
    ["mkfifo"],
    `a stuck reader of the log delays accepting once, and lines are counted (${workers} workers)`,
    async () => {
      await using server = named("B0");
      await using dead = refusing();
      await using place = tempDir();
      const pipe = await fifo(`${place.path}/pipe`);
      const argv = [`--workers=${workers}`, ...longLines(pipe, dead), "!", server.address];
      await using balance = await startBalance(argv, { expectStderr: "any" });
      const clients = storm(balance.port, { count: COUNT });
      // Without a reader, the rest is served once the log counts as too slow.
      await clients.done;
      // Workers have filled their own queues by then, or not.
      if (workers === 1) assert(clients.longestPauseMs > 500, "accepting did not wait");
      const slow = `log file \\[${pipe.path}\\] is too slow, lines are dropped\n`;
      await balance.waitForStderr(new RegExp(`^${slow}$`));
      const started = performance.now();
      for (let i = 0; i < 20; i++) assertEquals(await ask(balance.port), "B0");
      const ms = performance.now() - started;
      assert(ms < 10_000, `20 clients waited ${ms} ms`);
      balance.kill();
      const text = await pipe.read();
      const { stderr } = await balance.ended;
      const dropped = Number(
        stderr.match(new RegExp(`^${slow}(\\d+) lines of the log were dropped\n$`))?.[1],
      );
      const lines = text.trimEnd().split("\n");
      assertEquals(lines.length + dropped, 2 * (COUNT + 20), stderr);
    },
  );
}

withTools(["mkfifo"], "SIGTERM ends a balance that waits for its log", async () => {
  await using dead = refusing();
  await using place = tempDir();
  const pipe = await fifo(`${place.path}/pipe`);
  await using balance = await startBalance([...ONE_WORKER, ...longLines(pipe, dead)], {
    expectStderr:
      /^(log file .* is too slow, lines are dropped\n)?\d+ lines of the log were dropped\n$/,
  });
  const clients = storm(balance.port, { count: COUNT });
  await clients.stalled();
  assertEquals((await balance.stop()).code, 0);
  await clients.done;
  assertWaited(clients);
});

t("accepting waits for a system log that pauses, and no message is dropped", async () => {
  await using dead = refusing();
  await using log = syslogReceiver({ paused: true });
  await using balance = await startBalance([
    "-f",
    ...ONE_WORKER,
    "--log",
    "syslog",
    "PORT",
    dead.address,
  ], {
    env: { BALANCE_SYSLOG: log.path },
    expectStderr: "any",
  });
  const clients = storm(balance.port, { count: COUNT });
  await clients.stalled();
  log.resume();
  await clients.done;
  assertWaited(clients);
  const { stderr } = await balance.stop();
  const count = COUNT - droppedIn(stderr);
  const ended = () => log.messages.filter((message) => message.includes("type=end "));
  await until(() => ended().length >= count, {
    timeoutMs: 20_000,
    what: () => `${count} messages instead of ${ended().length}`,
  });
  assertEquals(ended().length, count);
  if (stderr !== "") return;
  assertComplete(idsOf(log.messages, "end"), COUNT);
  for (const message of log.messages) assertMatch(message, /type=end id=\d+ .* reason=/);
});
