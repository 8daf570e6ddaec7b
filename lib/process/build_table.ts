import { formatEndpoint } from "../address/host_port.ts";
import { formatIp, type Ip } from "../address/ip.ts";
import { type Lookup, resolveHost } from "../address/resolve.ts";
import type { GroupSpec } from "../cli/groups.ts";
import { newTable, type Table, type TableSize } from "../table/table.ts";

/**
 * Makes the table of the groups on the command line, with every host resolved.
 *
 * @param groups Groups in order.
 * @param options Size of the table; `lookup` replaces the system's resolver.
 * @throws {AddressError} For the first host that has no address.
 */
export async function tableOf(
  groups: readonly GroupSpec[],
  options: { size: TableSize; lookup?: Lookup },
): Promise<Table> {
  const table = newTable(options.size);
  const known = new Map<string, Ip>();
  for (const [group, { type, channels }] of groups.entries()) {
    table.setType(group, type);
    for (const { host, port, maxc } of channels) {
      const address = known.get(host) ?? await resolveHost(host, options);
      known.set(host, address);
      table.add(group, { address, port, maxc });
    }
  }
  return table;
}

/**
 * The list of channels that `-d` prints at start.
 *
 * @param table The table.
 * @returns A heading and a line per channel: group, channel, `address:port:maxc`.
 */
export function channelList(table: Table): string[] {
  const lines = ["the following channels are active:"];
  for (const row of table.rows()) {
    const to = formatEndpoint({ address: formatIp(row.address), port: row.port });
    lines.push(
      `${String(row.group).padStart(3)} ${String(row.channel).padStart(2)} ${to}:${row.maxc}`,
    );
  }
  return lines;
}
