/** With `--wait`, a restart of the only backend loses no client. */

import { assert, assertEquals } from "@std/assert";
import { scrape, startWithMetrics, value } from "../../helpers/metrics/start_with_metrics.ts";
import { named } from "../../helpers/net/backends.ts";
import { connect, readLine } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { t, until } from "../../helpers/t.ts";
import { waitingAt } from "../../helpers/waiting/waiting_clients.ts";

for (const checks of [[], ["--check", "tcp", "--interval", "50ms"]]) {
  for (const workers of [1, 4]) {
    const kind = `${checks.length > 0 ? "with" : "without"} checks`;
    t(`clients wait while the only backend restarts, ${kind}, --workers ${workers}`, async () => {
      const first = named("old");
      await using _first = first;
      const metrics = freePort();
      const argv = [`${metrics}`, "--workers", `${workers}`, "--wait", "60", ...checks, "PORT"];
      await using balance = await startWithMetrics([...argv, first.address], {
        port: metrics,
        expectStderr: "any",
      });
      {
        await using client = await connect(balance.port);
        assertEquals(await readLine(client), "old");
      }
      await first.stop();
      await using clients = new AsyncDisposableStack();
      const answers = await Promise.all(Array.from({ length: 20 }, async () => {
        const client = clients.use(await connect(balance.port));
        return { answer: readLine(client) };
      }));
      await until(async () => await waitingAt(balance.socket) >= 19, { what: "20 to wait" });
      await using _second = named("new", { port: first.port });
      const names = await Promise.all(answers.map(({ answer }) => answer));
      assertEquals(names, Array(20).fill("new"));
      const after = await scrape(metrics);
      assertEquals(value(after, "balance_waiting"), 0);
      // The one that is tried with the backend first may not have waited before.
      assert((value(after, "balance_wait_seconds_count") ?? 0) >= 19);
    });
  }
}
