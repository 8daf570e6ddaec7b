import type { Table } from "../table/table.ts";
import type { Stats } from "./stats.ts";

/** What the health of balance depends on. */
export interface HealthSource {
  readonly table: Table;
  readonly stats: Stats;
}

/**
 * Why balance should get no clients. It connects to no backend: it knows only the result of the
 * last attempt that a client caused.
 *
 * @returns `undefined` if it is healthy: a channel is available, and the last attempt to it did not
 * fail within the last seconds (`UNREACHABLE_MS`).
 */
export function healthProblem(
  { table, stats }: HealthSource,
  { stopping }: { stopping: boolean },
): "shutting down" | "no channel available" | "no backend reachable" | undefined {
  if (stopping) return "shutting down";
  let available = false;
  for (let group = 0; group < table.size.groups; group++) {
    for (let channel = 0; channel < table.length(group); channel++) {
      if (!table.available(group, channel)) continue;
      if (!stats.unreachable(table.account(group, channel))) return undefined;
      available = true;
    }
  }
  return available ? "no backend reachable" : "no channel available";
}
