/** Messages for a user who runs balance in the foreground on a terminal, and the list of `-d`. */

import { formatEndpoint } from "../address/host_port.ts";
import { formatIp } from "../address/ip.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { withName } from "../base/errors.ts";
import { counted } from "../base/integers.ts";
import type { EndSignal } from "../system/signals.ts";
import { channelCounts } from "../table/counts.ts";
import type { Table } from "../table/table.ts";

/** It serves: `balance: listening on 0.0.0.0:8080, 3 channels in 2 groups`. */
export function listeningLine(at: Endpoint, table: Table): string {
  const { channels, groups } = channelCounts(table);
  return withName(
    `listening on ${formatEndpoint(at)}, ` +
      `${counted(channels, "channel")} in ${counted(groups, "group")}`,
  );
}

/** A signal has started a graceful shutdown, and connections are left. */
export function drainingLine(
  signal: EndSignal,
  { open, graceS }: { open: number; graceS: number },
): string {
  const again = signal === "SIGINT" ? "press ^C again" : "send a second signal";
  return withName(
    `shutting down, waiting at most ${counted(graceS, "second")} for ` +
      `${counted(open, "connection")}; ${again} to stop now`,
  );
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
