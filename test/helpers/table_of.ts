import type { Lookup } from "../../lib/address/resolve_host.ts";
import { DEFAULT_BACKEND_OPTIONS } from "../../lib/cli/backend_options.ts";
import type { GroupSpec } from "../../lib/cli/groups.ts";
import { ChannelNames } from "../../lib/table/channel_names.ts";
import { openChannelSet } from "../../lib/channel_set/channel_set.ts";
import type { WantedGroup } from "../../lib/channel_set/wanted.ts";
import { openNames } from "../../lib/names/names.ts";
import { newTable, type Table, type TableSize } from "../../lib/table/table.ts";

/**
 * The table of groups as the command line gives them, hosts resolved.
 *
 * @param options Size of the table; `lookup` replaces the system's resolver.
 */
export async function tableOf(
  groups: readonly GroupSpec[],
  options: { size: TableSize; lookup?: Lookup },
): Promise<Table> {
  return buildTable(await wantedOf(groups, options), options.size).table;
}

/** The channels of groups as the command line gives them, hosts resolved. */
export async function wantedOf(
  groups: readonly GroupSpec[],
  options: { size: TableSize; lookup?: Lookup },
): Promise<readonly WantedGroup[]> {
  const { size: { groups: maxGroups, channels: maxChannels }, lookup } = options;
  const { schedules } = DEFAULT_BACKEND_OPTIONS;
  const limits = { maxGroups, maxChannels, schedules };
  const names = openNames({ lookup, notice() {} });
  const { expanded } = await names.plan(groups, {
    ...limits,
    resolve: 0,
    sourceLength: undefined,
  });
  return expanded.wanted;
}

/** The table of resolved groups, and the names of their channels. */
export function buildTable(
  groups: readonly WantedGroup[],
  size: TableSize,
): { table: Table; names: ChannelNames } {
  const table = newTable(size), names = new ChannelNames(table);
  openChannelSet({ table, names }, groups);
  return { table, names };
}
