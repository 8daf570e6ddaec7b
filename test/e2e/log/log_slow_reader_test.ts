/** A reader of the access log that is slow but steady loses nothing. */

import { assert, assertEquals } from "@std/assert";
import { assertComplete, idsOf } from "../../helpers/log/log_lines.ts";
import {
  slowPipeReader,
  type SlowReader,
  slowSyslogReceiver,
} from "../../helpers/log/slow_reader.ts";
import { scrape, startWithMetrics, value } from "../../helpers/metrics/start_with_metrics.ts";
import { refusing } from "../../helpers/net/backends.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { connectAndClose } from "../../helpers/net/storm.ts";
import type { StartOptions } from "../../helpers/program/start_balance.ts";
import { t, until, untilStill, withTools } from "../../helpers/t.ts";

/**
 * Fails unless a log has a line for each client of two bursts, and balance prints nothing.
 *
 * @param options `count`: clients of one burst; both together must fill the queue of the log.
 */
async function assertLosesNothing(
  reader: SlowReader,
  options: { log: string; count: number } & Pick<StartOptions, "env" | "redirect">,
): Promise<void> {
  const { log, count, ...start } = options;
  await using dead = refusing();
  const port = freePort(), channels = Array(4).fill(dead.address);
  const argv = [`${port}`, "--log", log, "PORT", ...channels];
  await using balance = await startWithMetrics(argv, { port, expectStderr: "any", ...start });
  const accepted = async () => value(await scrape(port), "balance_connections_accepted_total") ?? 0;

  for (let burst = 0; burst < 2; burst++) await connectAndClose(balance.port, { count });
  const isRead = async () => reader.lines.length > count && reader.lines.length >= await accepted();
  await until(async () => balance.stderr !== "" || await isRead(), {
    timeoutMs: 60_000,
    everyMs: 100,
    what: () => `all lines instead of ${reader.lines.length}`,
  });
  if (balance.stderr !== "" && reader.lateSeconds > 0) {
    await balance.stop("SIGKILL");
    console.warn(`not judged: the reader itself was late for ${reader.lateSeconds} s`);
    return;
  }
  assertEquals(balance.stderr, "");
  await untilStill(() => reader.lines.length, { looks: 50, what: "the log to end" });

  // A page may be a second old.
  await until(async () => await accepted() >= reader.lines.length, { what: "a page of now" });
  const total = await accepted(), pages = await scrape(port);
  // The kernel may discard clients that leave before they are accepted.
  assert(total > count, `${total} of ${2 * count} connections accepted`);
  assertComplete(idsOf(reader.lines, "end"), total);
  assertEquals(reader.lines.length, total);
  assertEquals(value(pages, "balance_log_dropped_lines_total"), 0);
  assertEquals((await balance.stop()).stderr, "");
}

withTools(["mkfifo"], "a slow reader of standard output gets all lines of two bursts", async () => {
  await using reader = await slowPipeReader(300_000);
  await assertLosesNothing(reader, { log: "-", count: 3000, redirect: `> ${reader.path}` });
});

t("a slow system log gets all messages of two bursts", async () => {
  await using log = await slowSyslogReceiver(500);
  await assertLosesNothing(log, { log: "syslog", count: 2000, env: { BALANCE_SYSLOG: log.path } });
});
