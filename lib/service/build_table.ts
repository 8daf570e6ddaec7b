import { formatEndpoint } from "../address/host_port.ts";
import { formatIp } from "../address/ip.ts";
import { ChannelNames } from "../table/channel_names.ts";
import { newTable, type Table, type TableSize } from "../table/table.ts";
import type { ResolvedGroup } from "./resolve_setup.ts";

/** Makes the table of groups, at most as many as fit, and the hosts of channels as written. */
export function buildTable(
  groups: readonly ResolvedGroup[],
  size: TableSize,
): { table: Table; names: ChannelNames } {
  const table = newTable(size), names = new ChannelNames();
  for (const [group, { schedule, channels }] of groups.entries()) {
    table.setSchedule(group, schedule);
    for (const { attributes: { weight }, ...to } of channels) {
      const channel = table.add(group, { ...to, weight });
      if (channel !== undefined) names.set(group, channel, to.host);
    }
  }
  return { table, names };
}

/** The lines that `-d` prints at start: a heading, then group, channel, `address:port:maxc`. */
export function channelList(table: Table): string[] {
  const lines = ["the following channels are active:"];
  for (const { group, channel, address, port, maxc } of table.rows()) {
    const to = formatEndpoint({ address: formatIp(address), port });
    lines.push(`${String(group).padStart(3)} ${String(channel).padStart(2)} ${to}:${maxc}`);
  }
  return lines;
}
