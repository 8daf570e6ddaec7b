/**
 * A worker of the program that holds two connections of the first channel and dies on the message
 * `die`; started by `make_dying_worker.ts`.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { Table } from "../../../lib/table/table.ts";
import type { ToWorker } from "../../../lib/workers/protocol.ts";
import "../../../lib/workers/worker.ts";

self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if (data.type !== "start") return;
  const table = new Table(data.setup.table, data.setup.index);
  table.enter(0, 0);
  table.enter(0, 0);
});
self.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
  if (data === "die") throw new Error("died on purpose");
});
