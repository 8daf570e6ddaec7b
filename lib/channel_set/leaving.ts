import type { Placed } from "../table/arrangement.ts";
import type { Table } from "../table/table.ts";

/** Milliseconds between two checks whether removed channels are empty. */
const LOOK_MS = 100;

/** The channels that were removed and have connections. Disposing ends the watch. */
export interface LeavingChannels extends Disposable {
  /** Watches them until all are gone. */
  watch(): void;
}

/**
 * Removes channels of a table when their last connection has ended.
 *
 * @param follow `before`: called before some are removed; `gone`: called after that.
 */
export function watchLeaving(
  table: Table,
  follow: { before: () => void; gone: () => void },
): LeavingChannels {
  let timer: ReturnType<typeof setInterval> | undefined;

  function watch(): void {
    const isNeeded = leavingGroups(table).length > 0;
    if (isNeeded === (timer !== undefined)) return;
    clearInterval(timer);
    timer = isNeeded ? setInterval(removeEmpty, LOOK_MS) : undefined;
    if (timer !== undefined) Deno.unrefTimer(timer);
  }

  function removeEmpty(): void {
    const groups = leavingGroups(table).filter((group) => hasEmpty(table, group));
    if (groups.length === 0) return;
    follow.before();
    table.rearrange(new Map(groups.map((group) => [group, withoutEmpty(table, group)])));
    follow.gone();
    watch();
  }

  return {
    watch,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

function leavingGroups(table: Table): number[] {
  return Array.from({ length: table.size.groups }, (_, group) => group)
    .filter((group) => table.active(group) < table.length(group));
}

function hasEmpty(table: Table, group: number): boolean {
  for (let channel = table.active(group); channel < table.length(group); channel++) {
    if (table.c(group, channel) === 0) return true;
  }
  return false;
}

/** The same channels; the table leaves out those that leave and are empty. */
function withoutEmpty(table: Table, group: number): Placed[] {
  const active = table.active(group);
  return Array.from({ length: table.length(group) }, (_, from) => {
    return from < active ? { from } : { from, leaving: true };
  });
}
