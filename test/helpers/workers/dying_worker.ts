/**
 * A worker of the program that holds two connections of the first channel, has two clients in the
 * wait line, if there is one, and dies on the message `die`; started by `first_worker_dies.ts`.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { clientKey } from "../../../lib/schedule/client_key.ts";
import { WaitLine } from "../../../lib/wait_line/wait_line.ts";
import { Table } from "../../../lib/table/table.ts";
import type { ToWorker } from "../../../lib/workers/protocol.ts";
import "../../../lib/workers/worker.ts";

self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if (data.type !== "start") return;
  const table = new Table(data.setup.table, data.setup.index);
  table.enter(0, 0);
  table.enter(0, 0);
  const { wait } = data.setup.serving;
  if (wait === undefined) return;
  const line = new WaitLine({ table, handle: wait.line, hashFailover: false, wake() {} });
  for (let i = 0; i < 2; i++) line.join(table.nextConnection(), clientKey("10.0.0.1"));
});
self.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
  if (data === "die") throw new Error("died on purpose");
});
