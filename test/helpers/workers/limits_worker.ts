/**
 * A worker that opens and closes connections as fast as it can, for
 * `test/unit/admission/client_limits_test.ts`.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { ClientLimits } from "../../../lib/admission/client_limits.ts";
import type { LimitsHandle } from "../../../lib/admission/limits_memory.ts";

/** What to do. */
export interface LimitsTask {
  readonly limits: LimitsHandle;
  readonly worker: number;
  readonly workers: number;
  readonly rounds: number;
  readonly clients: readonly string[];
  /** Each client's open connections, as counted here. */
  readonly open: Int32Array<SharedArrayBuffer>;
  /** How many workers are ready: they start together. */
  readonly ready: Int32Array<SharedArrayBuffer>;
  /** How many connections each isolate tries to have at a time. */
  readonly wanted: number;
}

/** How it went. */
export interface LimitsOutcome {
  readonly entered: number;
  readonly refused: number;
  /** The most connections that one client had at a time. */
  readonly most: number;
}

/// X
self.onmessage = ({ data }: MessageEvent<LimitsTask>) => {
  self.postMessage(storm(data));
};

function storm(
  { limits: handle, worker, workers, ready, rounds, clients, open, wanted }: LimitsTask,
): LimitsOutcome {
  const limits = new ClientLimits(handle, worker), held: number[] = [];
  let entered = 0, refused = 0, most = 0, random = worker + 1;
  Atomics.add(ready, 0, 1);
  while (Atomics.load(ready, 0) < workers) Atomics.wait(ready, 1, 0, 1);
  for (let round = 0; round < rounds; round++) {
    random = Math.imul(random, 1103515245) + 12345 >>> 0;
    const client = (random >>> 8) % clients.length;
    if (held.length >= wanted) leave(held.splice((random >>> 4) % held.length, 1)[0]!);
    if (limits.enter(clients[client]!) !== undefined) {
      refused++;
      continue;
    }
    entered++;
    held.push(client);
    most = Math.max(most, Atomics.add(open, client, 1) + 1);
  }
  held.forEach(leave);
  return { entered, refused, most };

  /** Counted first here, so that what is seen here is never more than there is. */
  function leave(client: number): void {
    Atomics.sub(open, client, 1);
    limits.leave(clients[client]!);
  }
}
