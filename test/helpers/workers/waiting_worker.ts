/**
 * A worker whose clients wait in a shared line, for `test/unit/wait_line/wait_line_test.ts`. Each
 * client holds its channel for a moment, so that the next one gets it.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { claimOf } from "../../../lib/schedule/claim.ts";
import { Table, type TableHandle } from "../../../lib/table/table.ts";
import type { LineHandle } from "../../../lib/wait_line/line_memory.ts";
import { WaitLine } from "../../../lib/wait_line/wait_line.ts";

/** What the worker does. */
export type ToWaitingWorker =
  | { type: "start"; table: TableHandle; line: LineHandle; worker: number; clients: number }
  /** Clients of this worker got channels. */
  | { type: "deliver" };

/** What it reports. */
export type FromWaitingWorker =
  | { type: "wake"; worker: number }
  /** All its clients were served; the highest number of connections that they saw. */
  | { type: "done"; served: number; most: number };

const KEY = { hash: 0, key: { high: 0, low: 0 } };

let line: WaitLine | undefined;

self.onmessage = async ({ data }: MessageEvent<ToWaitingWorker>) => {
  if (data.type === "deliver") return line?.deliver();
  const table = new Table(data.table, data.worker);
  line = new WaitLine({
    table,
    handle: data.line,
    hashFailover: false,
    wake: (worker) => self.postMessage({ type: "wake", worker } satisfies FromWaitingWorker),
  });
  let most = 0, served = 0;
  await Promise.all(Array.from({ length: data.clients }, async () => {
    const place = line!.join(table.nextConnection(), KEY);
    const claim = claimOf(table, await place!.entered);
    most = Math.max(most, table.c(0, 0));
    await Promise.resolve();
    claim[Symbol.dispose]();
    served++;
  }));
  self.postMessage({ type: "done", served, most } satisfies FromWaitingWorker);
};
