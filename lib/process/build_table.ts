import { formatEndpoint } from "../address/host_port.ts";
import { formatIp } from "../address/ip.ts";
import { ChannelNames } from "../table/channel_names.ts";
import { newTable, type Table, type TableSize } from "../table/table.ts";
import type { ResolvedGroup } from "./resolve_setup.ts";

/**
 * Makes the table of the groups on the command line.
 *
 * @param groups Groups in order, at most as many as fit.
 * @param size Size of the table.
 * @returns The table, and the hosts of its channels as written.
 */
export function buildTable(
  groups: readonly ResolvedGroup[],
  size: TableSize,
): { table: Table; names: ChannelNames } {
  const table = newTable(size), names = new ChannelNames();
  for (const [group, { type, channels }] of groups.entries()) {
    table.setType(group, type);
    for (const { host, ...to } of channels) {
      const channel = table.add(group, to);
      if (channel !== undefined) names.set(group, channel, host);
    }
  }
  return { table, names };
}

/**
 * The list of channels that `-d` prints at start.
 *
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
