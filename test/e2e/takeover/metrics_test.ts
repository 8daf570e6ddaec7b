/** `--takeover`: which program answers requests for metrics. */

import { assertEquals } from "@std/assert";
import { sendRaw } from "../../helpers/metrics/http_client.ts";
import { get } from "../../helpers/metrics/start_with_metrics.ts";
import { named } from "../../helpers/net/backends.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { startBackground } from "../../helpers/program/start_background.ts";
import { runDirectory } from "../../helpers/run_directory.ts";
import { sleep, t, until } from "../../helpers/t.ts";

t("the metrics follow: each request is answered", async () => {
  await using backend = named("B0");
  using directory = runDirectory();
  const at = { port: freePort(), rundir: directory.path }, metrics = freePort();
  const argv = ["--metrics", String(metrics), "PORT", backend.address];
  await using all = new AsyncDisposableStack();
  let current = all.use(await startBackground(argv, at)), running = true, answered = 0;
  const errors: string[] = [];
  const scraping = Array.from({ length: 5 }, async () => {
    while (running) {
      const answer = await get(metrics, "/healthz").catch((error) => ({ status: String(error) }));
      if (answer.status === 200) answered++;
      else errors.push(String(answer.status));
      await sleep(2);
    }
  });
  for (let i = 0; i < 3; i++) {
    const before = current, count = answered;
    current = all.use(await startBackground(["--takeover", ...argv], at));
    await before.gone();
    await until(() => answered > count + 10);
  }
  running = false;
  await Promise.all(scraping);
  assertEquals(errors, []);
});

t("the metrics are those of the old program until the new one serves", async () => {
  await using backend = named("B0");
  using directory = runDirectory();
  const at = { port: freePort(), rundir: directory.path }, metrics = freePort();
  // The backend is no HTTP server: the start waits two seconds for the first check.
  const argv = ["--metrics", String(metrics), "--check", "expect:never", "PORT", backend.address];
  await using old = await startBackground(argv, at);
  const pids: number[] = [];
  let running = true;
  const scraping = (async () => {
    while (running) {
      // Each on a connection of its own.
      const { text } = await sendRaw(
        metrics,
        "GET /status.json HTTP/1.0\r\nHost: localhost\r\n\r\n",
      );
      pids.push(Number(/"pid": ?(\d+)/.exec(text)?.[1]));
      await sleep(5);
    }
  })();
  await using next = await startBackground(["--takeover", ...argv], at);
  await until(() => pids.at(-1) === next.pid);
  running = false;
  await scraping;
  assertEquals(pids.filter((pid, i) => pid !== pids[i - 1]), [old.pid, next.pid]);
});
