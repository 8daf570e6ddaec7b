/**
 * A worker that claims channels of shared tables in a loop, for `test/unit/table/table_test.ts`.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { claims } from "../../../lib/schedule/claims.ts";
import { Table, type TableHandle } from "../../../lib/table/table.ts";
import { clientWithHash } from "../scheduled_client.ts";

/** What the worker does. */
export interface Task {
  /** Table in which a channel is claimed and released. */
  split: TableHandle;
  /** Table whose first channel has a `maxc`; its highest number of connections is reported. */
  limited: TableHandle;
  /** Index of the worker, from 0. */
  worker: number;
  rounds: number;
}

const CLIENT = clientWithHash();

self.onmessage = ({ data }: MessageEvent<Task>) => {
  const split = new Table(data.split, data.worker), limited = new Table(data.limited, data.worker);
  let most = 0;
  for (let i = 0; i < data.rounds; i++) {
    for (const claim of claims(split, CLIENT)) {
      claim[Symbol.dispose]();
      break;
    }
    for (const claim of claims(limited, CLIENT)) {
      most = Math.max(most, limited.c(0, 0));
      claim[Symbol.dispose]();
      break;
    }
  }
  self.postMessage(most);
};
