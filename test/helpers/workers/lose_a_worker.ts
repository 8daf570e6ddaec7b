/**
 * A program with two workers, one of which dies. It ends when that one has been replaced. Run by
 * `test/unit/workers/pool_test.ts`, which checks what it prints.
 *
 * @module
 */
import { CONNECTION_OPTIONS } from "../connection/connection_context.ts";
import { printErrorLine } from "../../../lib/system/output.ts";
import { newTable } from "../../../lib/table/table.ts";
import { startWorkers } from "../../../lib/workers/pool.ts";
import { freePort } from "../net/ports.ts";
import { until } from "../t.ts";
import { firstWorkerDies } from "./first_worker_dies.ts";

const workers = firstWorkerDies();
const plane = await startWorkers({
  count: 2,
  serving: {
    engine: "streams",
    at: { address: "127.0.0.1", port: freePort() },
    connection: { ...CONNECTION_OPTIONS, connectTimeoutMs: 5000 },
  },
  table: newTable({ groups: 1, channels: 1, workers: 2 }),
  backendEvent: () => {},
  messages: { notice: printErrorLine, dropped: () => 0 },
  make: workers.make,
});
await until(() => workers.made === 3);
await plane.stop();
await plane.done;
