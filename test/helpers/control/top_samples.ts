/** Samples of `top` as the server makes them, and their connections. */

import type { ConnectionInfo } from "../../../lib/base/connection_info.ts";
import { VERSION } from "../../../lib/base/version.ts";
import type { TopKey } from "../../../lib/control/top/order.ts";
import {
  type ConnectionCounts,
  takeSample,
  type TopConnection,
  type TopSample,
} from "../../../lib/control/top/sample.ts";
import type { ChannelRecord } from "../../../lib/table/channel_record.ts";
import { newTable } from "../../../lib/table/table.ts";

export function channel(number: number, values: Partial<ChannelRecord> = {}): ChannelRecord {
  return {
    group: 0,
    channel: number,
    type: "rr",
    state: "enabled",
    health: "unknown",
    weight: 1,
    address: "192.168.1.1",
    port: 8000 + number,
    c: 0,
    totalc: 0,
    maxc: 0,
    sent: 0,
    rcvd: 0,
    ...values,
  };
}

export function connection(id: number, values: Partial<TopConnection> = {}): TopConnection {
  return {
    id,
    client: { address: "192.0.2.7", port: 40000 + id },
    group: 0,
    channel: 0,
    state: "open",
    ageMs: 61_000,
    idleMs: 900,
    sent: 0,
    rcvd: 0,
    ...values,
  };
}

export function sampleOf(values: Partial<TopSample> = {}): TopSample {
  const connections = values.connections ?? [];
  return {
    version: "4.0.0",
    pid: 4711,
    timeMs: 3_725_000,
    listener: { address: "0.0.0.0", port: 8080 },
    workers: 1,
    channels: [],
    states: {
      header: 0,
      waiting: 0,
      dialing: 0,
      open: connections.length,
      "half-closed": 0,
      closing: 0,
    },
    connections,
    ...values,
  };
}

/** A busy balance, and the same two seconds earlier. */
export const BUSY = sampleOf({
  channels: [
    channel(0, { c: 12, totalc: 3456, sent: 1_234_567, rcvd: 98_765_432_100 }),
    channel(1, { c: 3, totalc: 1200, maxc: 200, sent: 999_950, rcvd: 12_345 }),
    channel(2, { state: "disabled", address: "2001:db8::5", port: 443 }),
  ],
  states: { header: 0, waiting: 0, dialing: 1, open: 12, "half-closed": 2, closing: 0 },
  connections: [
    connection(4567, { sent: 123_456, rcvd: 9_876_543, sentRate: 1234, rcvdRate: 987_654 }),
    connection(33, { ageMs: 93_784_000, idleMs: 0, sentRate: 10, rcvdRate: 0, channel: 1 }),
    connection(4570, { group: undefined, channel: undefined, state: "dialing", ageMs: 10 }),
    connection(4401, { state: "half-closed", sentRate: 0, rcvdRate: 0 }),
  ],
});

export const BEFORE = sampleOf({
  timeMs: BUSY.timeMs - 2000,
  channels: [
    channel(0, { totalc: 3400, sent: 1_230_567, rcvd: 98_665_432_100 }),
    channel(1, { totalc: 1199, sent: 999_900, rcvd: 12_345 }),
    channel(2, { state: "disabled", address: "2001:db8::5", port: 443 }),
  ],
});

export function info(id: number, values: Partial<ConnectionInfo> = {}): ConnectionInfo {
  return {
    id,
    client: { address: "192.0.2.7", port: id },
    listener: { address: "0.0.0.0", port: 8080 },
    state: "open",
    ageMs: 60_000 - id,
    idleMs: 0,
    sent: 0,
    rcvd: 0,
    ...values,
  };
}

export function take(
  connections: readonly ConnectionInfo[],
  options: {
    timeMs?: number;
    count?: number;
    key?: TopKey;
    reversed?: boolean;
    memory?: readonly ConnectionCounts[];
  } = {},
) {
  const { timeMs = 0, count = 100, key = "rate", reversed = false, memory } = options;
  const table = newTable({ groups: 2, channels: 2, workers: 1 });
  return takeSample({ version: VERSION, pid: 1, timeMs, table, connections }, {
    count,
    order: { key, reversed },
    memory,
  });
}

export const ids = (sample: TopSample) => sample.connections.map(({ id }) => id).join(" ");
