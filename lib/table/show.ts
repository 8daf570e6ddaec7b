import { formatIp } from "../address/ip.ts";
import type { ChannelRow, Table } from "./table.ts";

const HEADING =
  "GRP Type  #   S       ip-address  port    c      totalc maxc        sent        rcvd";

/** What the table shows of a channel's state; a freed slot waits for `create`. */
const STATES = { enabled: "ENA", disabled: "dis", free: "---" } as const;

/**
 * The table of `show`: a heading, then a line per channel in order of group and number.
 *
 * Columns are right-aligned; a longer value pushes the rest of its row to the right.
 *
 * @param table The table.
 * @returns Lines, each with a newline at its end.
 */
export function show(table: Table): string {
  let text = `${HEADING}\n`;
  for (const row of table.rows()) text += `${showRow(row)}\n`;
  return text;
}

/**
 * One line of `show` without its newline.
 *
 * @param row The channel.
 */
export function showRow(row: ChannelRow): string {
  const free = row.state === "free";
  return [
    String(row.group).padStart(3),
    (row.type === "hash" ? "Hash" : "RR").padStart(4),
    String(row.channel).padStart(2),
    STATES[row.state],
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
 * The table as JSON, for programs: an array with an object per channel.
 *
 * @param table The table.
 * @returns One line; counters beyond 2^53 lose their last digits.
 */
export function showJson(table: Table): string {
  const channels = [...table.rows()].filter(({ state }) => state !== "free").map((row) => ({
    ...row,
    address: formatIp(row.address),
    sent: Number(row.sent),
    rcvd: Number(row.rcvd),
  }));
  return `${JSON.stringify(channels)}\n`;
}
