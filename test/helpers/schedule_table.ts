import { claims } from "../../lib/schedule/claims.ts";
import type { Claim } from "../../lib/schedule/claim.ts";
import { type ClientKey, clientKey } from "../../lib/schedule/client_key.ts";
import type { ScheduleName } from "../../lib/table/states.ts";
import { newTable, type Table } from "../../lib/table/table.ts";

/** A table with one group of channels that are named `web0`, `web1`, ... */
export function scheduleTable(
  schedule: ScheduleName,
  weights: readonly number[],
  channels = weights.length,
): Table {
  const table = newTable({ groups: 1, channels, workers: 1 });
  table.setSchedule(0, schedule);
  weights.forEach((weight, i) => addNamed(table, `web${i}`, weight));
  return table;
}

/** Adds a channel; its address depends on its name. */
export function addNamed(table: Table, host: string, weight = 1): number | undefined {
  const last = Number(/\d+$/.exec(host)?.[0] ?? 0);
  return table.add(0, {
    address: Uint8Array.of(10, 0, last >> 8, last & 255),
    port: 80,
    host,
    weight,
  });
}

/** The claim of a client; `undefined` if no channel is available. */
export function claimFor(table: Table, address = "192.0.2.1"): Claim | undefined {
  const key = (): ClientKey => clientKey(address);
  return claims(table, { key, hashFailover: false }).next().value ?? undefined;
}

/** The channel of a client that connects and disconnects; -1 if none is available. */
export function pick(table: Table, address?: string): number {
  using claim = claimFor(table, address);
  return claim?.channel ?? -1;
}
