/** Numbers about the whole table, for messages. */

import type { Table } from "./table.ts";

/** Open connections of all channels, including those that are still connecting. */
export function openConnections(table: Table): number {
  let open = 0;
  for (const [group, channel] of channelsOf(table)) open += table.c(group, channel);
  return open;
}

/** How many channels there are, in how many groups, and how many can take a connection now. */
export function channelCounts(
  table: Table,
): { channels: number; groups: number; available: number } {
  const groups = new Set<number>();
  let channels = 0, available = 0;
  for (const [group, channel] of channelsOf(table)) {
    // What a reload has removed is only waited for.
    if (table.isLeaving(group, channel)) continue;
    groups.add(group);
    channels++;
    if (table.available(group, channel)) available++;
  }
  return { channels, groups: groups.size, available };
}

/** Whether only its `maxc` keeps any channel from being available. */
export function anyFull(table: Table): boolean {
  for (const [group, channel] of channelsOf(table)) {
    if (table.full(group, channel)) return true;
  }
  return false;
}

/**
 * Whether all channels that are enabled and have a weight are down; `undefined` if there are none.
 */
export function areAllDown(table: Table): boolean | undefined {
  let all: true | undefined;
  for (const [group, channel] of channelsOf(table)) {
    if (table.state(group, channel) !== "enabled") continue;
    if (table.effectiveWeight(group, channel) === 0) continue;
    if (table.health(group, channel) !== "down") return false;
    all = true;
  }
  return all;
}

/** The channels in use. */
function* channelsOf(table: Table): Generator<readonly [group: number, channel: number]> {
  for (let group = 0; group < table.size.groups; group++) {
    for (let channel = 0; channel < table.length(group); channel++) {
      if (table.exists(group, channel)) yield [group, channel];
    }
  }
}
