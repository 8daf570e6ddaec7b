import { formatIp } from "../address/ip.ts";
import type { ChannelRow, Table } from "./table.ts";

/** A channel as JSON shows it: the address as text, byte counters as numbers, exact up to 2^53. */
export interface ChannelRecord extends Omit<ChannelRow, "address" | "sent" | "rcvd"> {
  readonly address: string;
  readonly sent: number;
  readonly rcvd: number;
}

/** The records of all channels in order of group and number, without free slots. */
export function channelRecords(table: Table): ChannelRecord[] {
  const rows = [...table.rows()].filter(({ state }) => state !== "free");
  return rows.map(({ health, weight, ...row }) => ({
    ...row,
    address: formatIp(row.address),
    sent: Number(row.sent),
    rcvd: Number(row.rcvd),
    // Last: the keys before them are those of 4.0.0.
    health,
    weight,
  }));
}
