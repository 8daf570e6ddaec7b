import { formatIp } from "../address/ip.ts";
import { channelRecords } from "./channel_record.ts";
import type { ScheduleName } from "./states.ts";
import type { ChannelRow, ChannelState, Table } from "./table.ts";

const HEADING =
  "GRP Type  #   S       ip-address  port    c      totalc maxc        sent        rcvd";

const STATE_TEXTS: Readonly<Record<ChannelState, string>> = {
  enabled: "ENA",
  disabled: "dis",
  draining: "drn",
  free: "---",
};

const TYPE_TEXTS: Readonly<Record<ScheduleName, string>> = {
  rr: "RR",
  hash: "Hash",
  least: "Lst",
  random: "Rand",
  first: "1st",
  consistent: "Cons",
};

/** The state of a channel as `show` and `top` print it, with its health: `ENA`, `DWN`, ... */
export function stateText({ state, health }: Pick<ChannelRow, "state" | "health">): string {
  return state === "enabled" && health === "down" ? "DWN" : STATE_TEXTS[state];
}

/** The output of `show`: a heading, then one line per channel in order of group and number. */
export function show(table: Table): string {
  let text = `${HEADING}\n`;
  for (const row of table.rows()) text += `${showRow(row)}\n`;
  return text;
}

/** One line of `show` without its newline; a value that is too long shifts the rest of its line. */
export function showRow(row: ChannelRow): string {
  const free = row.state === "free";
  return [
    String(row.group).padStart(3),
    TYPE_TEXTS[row.type].padStart(4),
    String(row.channel).padStart(2),
    stateText(row),
    (free ? "-" : formatIp(row.address)).padStart(16),
    String(free ? 0 : row.port).padStart(5),
    String(row.c).padStart(4),
    String(row.totalc).padStart(11),
    String(row.maxc).padStart(4),
    String(row.sent).padStart(11),
    String(row.rcvd).padStart(11),
  ].join(" ");
}

/**
 * The output of `show --json`: one line with an array of the channels, without free slots.
 *
 * @param engine The name of the engine that serves them all.
 */
export function showJson(table: Table, engine: string): string {
  const records = channelRecords(table).map((record) => ({ ...record, engine }));
  return `${JSON.stringify(records)}\n`;
}
