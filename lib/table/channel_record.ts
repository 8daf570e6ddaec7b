import { formatIp } from "../address/ip.ts";
import type { ChannelRow, ChannelState, GroupType, Table } from "./table.ts";

/** A channel as JSON shows it: the address as text, all counters as numbers. */
export interface ChannelRecord {
  readonly group: number;
  readonly channel: number;
  readonly type: GroupType;
  readonly state: ChannelState;
  readonly address: string;
  readonly port: number;
  /** Open connections, attempts to connect included. */
  readonly c: number;
  /** Attempts to connect so far, modulo 2^32. */
  readonly totalc: number;
  /** Maximum number of connections; 0 for no limit. */
  readonly maxc: number;
  /** Bytes from clients. The last digits are lost beyond 2^53. */
  readonly sent: number;
  /** Bytes to clients. The last digits are lost beyond 2^53. */
  readonly rcvd: number;
}

/**
 * The record of one channel. The order of its keys is that of `show --json`.
 *
 * @param row The channel.
 */
export function channelRecord(row: ChannelRow): ChannelRecord {
  return {
    group: row.group,
    channel: row.channel,
    type: row.type,
    state: row.state,
    address: formatIp(row.address),
    port: row.port,
    c: row.c,
    totalc: row.totalc,
    maxc: row.maxc,
    sent: Number(row.sent),
    rcvd: Number(row.rcvd),
  };
}

/** The records of all channels in order of group and number, without free slots. */
export function channelRecords(table: Table): ChannelRecord[] {
  return [...table.rows()].filter(({ state }) => state !== "free").map(channelRecord);
}
