import { delay } from "@std/async/delay";
import type { Engine } from "../engine/engine.ts";
import { anyFull, channelCounts } from "../table/counts.ts";
import type { Table } from "../table/table.ts";

/** Pauses for other workers, whose turns cannot be waited for, in milliseconds. */
const PAUSES_MS = [1, 2, 4, 8, 16, 32];

/**
 * Waits a moment if only `maxc` keeps a client from its channel: until every connection whose end
 * has arrived already is counted out. In one isolate, that takes two turns of the event loop.
 *
 * @returns `undefined` if no channel is full, and none has become available meanwhile.
 */
export function graceForFull(table: Table, engine: Engine): Promise<void> | undefined {
  if (anyFull(table)) return grace(table, engine);
  // Another worker may have counted a connection out since the client was refused.
  return table.size.workers > 1 && channelCounts(table).available > 0
    ? grace(table, engine)
    : undefined;
}

async function grace(table: Table, engine: Engine): Promise<void> {
  await engine.nextTurn();
  await engine.nextTurn();
  if (table.size.workers === 1) return;
  for (const ms of PAUSES_MS) {
    if (channelCounts(table).available > 0) return;
    await delay(ms);
  }
}
