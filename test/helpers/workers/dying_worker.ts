/**
 * The worker of the program that holds two connections of the first channel and dies, for
 * `workers_test.ts`.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import "../../../lib/workers/worker.ts";
import type { ToWorker } from "../../../lib/workers/protocol.ts";
import { Table } from "../../../lib/table/table.ts";

self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if (data.type !== "start") return;
  const table = new Table(data.table, data.index);
  table.enter(0, 0);
  table.enter(0, 0);
  setTimeout(() => {
    throw new Error("died on purpose");
  }, 50);
});
