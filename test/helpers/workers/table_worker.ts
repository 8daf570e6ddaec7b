/**
 * An isolate that chooses channels of shared tables as fast as it can, for `table_test.ts`.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { claims } from "../../../lib/table/claims.ts";
import { Table, type TableHandle } from "../../../lib/table/table.ts";

/** What such an isolate is told. */
export interface Task {
  /** Table of which a channel is taken and released. */
  split: TableHandle;
  /** Table of which it is noted how many connections the first channel has at most. */
  limited: TableHandle;
  /** Which worker it is, from 0. */
  worker: number;
  rounds: number;
}

const CLIENT = { hash: () => 0, hashFailover: false };

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
