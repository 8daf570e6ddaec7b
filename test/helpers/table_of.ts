import type { Lookup } from "../../lib/address/resolve_host.ts";
import type { GroupSpec } from "../../lib/cli/groups.ts";
import { buildTable } from "../../lib/service/build_table.ts";
import { resolveGroups, resolver } from "../../lib/service/resolve_setup.ts";
import type { Table, TableSize } from "../../lib/table/table.ts";

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
