/**
 * Channels as a file has them, and what a table shows of them.
 *
 * @module
 */
import { serviceLookup } from "../../../lib/address/services.ts";
import { formatIp, parseIp } from "../../../lib/address/ip.ts";
import { type WantedGroup, wantedGroups } from "../../../lib/channel_set/wanted.ts";
import { parseGroups } from "../../../lib/cli/groups.ts";
import type { Table } from "../../../lib/table/table.ts";

/** The groups of a command line whose hosts are addresses, `web` being 127.0.0.9. */
export function wantedOf(text: string): WantedGroup[] {
  const limits = { maxGroups: 99, maxChannels: 99 };
  const options = { defaultPort: 80, services: serviceLookup(undefined), ...limits };
  return wantedGroups(
    parseGroups(text.split(" ").filter(Boolean), options).map(({ schedule, channels }) => ({
      schedule,
      channels: channels.map((one) => ({ ...one, address: parseIp(one.host) ?? WEB })),
    })),
  );
}

const WEB = Uint8Array.of(127, 0, 0, 9);

/** What a start decides about all channels, in order. */
export function shapeOf(table: Table): string[] {
  return [...table.rows()].map((row) => {
    const { group, channel, type, state, weight, maxc, address, port } = row;
    const { high, low } = table.nameHash(group, channel);
    return `${group}.${channel} ${type} ${state} ${formatIp(address)}:${port}:${maxc} ` +
      `weight=${weight} weighted=${table.isWeighted(group)} name=${high},${low}`;
  });
}
