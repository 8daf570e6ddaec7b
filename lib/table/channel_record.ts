import { formatIp } from "../address/ip.ts";
import type { HeaderForm } from "../proxy_protocol/send_proxy.ts";
import type { ChannelRow, Table } from "./table.ts";

/** A channel as JSON shows it: the address as text, byte counters as numbers, exact up to 2^53. */
export interface ChannelRecord extends Omit<ChannelRow, "address" | "sent" | "rcvd"> {
  readonly address: string;
  readonly sent: number;
  readonly rcvd: number;
  /** The PROXY header that its backend gets; absent for none. */
  readonly send_proxy?: HeaderForm;
}

/** The records of all channels in order of group and number, without free slots. */
export function channelRecords(table: Table): ChannelRecord[] {
  const rows = [...table.rows()].filter(({ state }) => state !== "free");
  return rows.map(({ health, weight, ...row }) => {
    const sendProxy = table.sendProxy(row.group, row.channel);
    return {
      ...row,
      address: formatIp(row.address),
      sent: Number(row.sent),
      rcvd: Number(row.rcvd),
      // Last: the keys before them are those of 4.0.0.
      health,
      weight,
      ...(sendProxy === "none" ? {} : { send_proxy: sendProxy }),
    };
  });
}
