import type { Lookup } from "../../lib/address/resolve_host.ts";
import type { GroupSpec } from "../../lib/cli/groups.ts";
import { ChannelNames } from "../../lib/table/channel_names.ts";
import { openChannelSet } from "../../lib/channel_set/channel_set.ts";
import { wantedGroups } from "../../lib/channel_set/wanted.ts";
import { type ResolvedGroup, resolveGroups, resolver } from "../../lib/service/resolve_setup.ts";
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
  return buildTable(await resolveGroups(groups, resolver(options.lookup)), options.size).table;
}

/** The table of resolved groups, and the names of their channels. */
export function buildTable(
  groups: readonly ResolvedGroup[],
  size: TableSize,
): { table: Table; names: ChannelNames } {
  const table = newTable(size), names = new ChannelNames();
  openChannelSet({ table, names }, wantedGroups(groups));
  return { table, names };
}
