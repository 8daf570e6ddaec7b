import { formatEndpoint } from "../address/host_port.ts";
import { formatIp } from "../address/ip.ts";
import type { Table } from "../table/table.ts";

/** The lines that `-d` prints at start: a heading, then group, channel, `address:port:maxc`. */
export function channelList(table: Table): string[] {
  const lines = ["the following channels are active:"];
  for (const { group, channel, address, port, maxc } of table.rows()) {
    const to = formatEndpoint({ address: formatIp(address), port });
    lines.push(`${String(group).padStart(3)} ${String(channel).padStart(2)} ${to}:${maxc}`);
  }
  return lines;
}
