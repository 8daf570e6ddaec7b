import type { Table } from "../table/table.ts";
import type { Stats } from "./stats.ts";

/** What the health of balance depends on. */
export interface HealthSource {
  readonly table: Table;
  readonly stats: Stats;
  /** The wait line; `undefined` without `--wait`. */
  readonly line?: { readonly length: number; readonly isFull: boolean } | undefined;
}

/**
 * Why balance should get no clients. For a channel with an active check, its health decides. For
 * others, only the result of the last attempt that a client caused is known.
 *
 * @returns `undefined` if it is healthy: a channel is available, and it has an active check or the
 * last attempt to it did not fail within the last seconds (`UNREACHABLE_MS`). With `--wait`, that
 * channel may be full while there is room in the line.
 */
export function healthProblem(
  { table, stats, line }: HealthSource,
  { stopping }: { stopping: boolean },
): "shutting down" | "no channel available" | "no backend reachable" | undefined {
  if (stopping) return "shutting down";
  const mayWait = line !== undefined && !line.isFull;
  let available = false;
  for (let group = 0; group < table.size.groups; group++) {
    for (let channel = 0; channel < table.length(group); channel++) {
      const isFull = mayWait && table.full(group, channel);
      if (!isFull && !table.available(group, channel)) continue;
      if (table.isChecked(group, channel)) return undefined;
      if (!stats.unreachable(table.account(group, channel))) return undefined;
      available = true;
    }
  }
  return available ? "no backend reachable" : "no channel available";
}
