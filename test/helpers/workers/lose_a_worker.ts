/**
 * A program that serves with two workers, one of which dies at once, and ends when another has
 * taken its place; for `workers_test.ts`, which looks at what it writes.
 *
 * @module
 */
import { printErrorLine } from "../../../lib/system/output.ts";
import { startWorkers } from "../../../lib/workers/pool.ts";
import { newTable } from "../../../lib/table/table.ts";
import { freePort } from "../net/ports.ts";
import { until } from "../t.ts";

let made = 0;
const plane = await startWorkers({
  count: 2,
  at: { address: "127.0.0.1", port: freePort() },
  table: newTable({ groups: 1, channels: 1, workers: 2 }),
  options: { connectTimeoutMs: 5000, idleTimeoutMs: 0, hashFailover: false, autoDisable: false },
  voice: { notice: printErrorLine, isStderr: true },
  make: () => {
    const file = made++ === 0 ? "./dying_worker.ts" : "../../../lib/workers/worker.ts";
    return new Worker(new URL(file, import.meta.url), { type: "module" });
  },
});
await until(() => made === 3);
await plane.stop();
await plane.done;
