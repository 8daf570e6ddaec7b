/**
 * A snapshot for `top`, as plain numbers: the output of `top --json`.
 *
 * The server selects the connections, so that the control connection carries no more than the lines
 * of a screen, even with 50,000 connections. It also computes their rates, from the last sample of
 * the same client.
 */

import type { ConnectionInfo, ConnectionState } from "../../base/connection_info.ts";
import type { Endpoint } from "../../base/endpoint.ts";
import { type ChannelRecord, channelRecords } from "../../table/channel_record.ts";
import type { Table } from "../../table/table.ts";
import { compareWith, remember, type TopMemory } from "./memory.ts";
import type { TopOrder } from "./order.ts";

/** Maximum number of connections in one sample. */
export const MAX_LISTED = 1000;

/** A snapshot. */
export interface TopSample {
  readonly version: string;
  readonly pid: number;
  /** Milliseconds since the program started. */
  readonly timeMs: number;
  /** The address that balance listens on, if known. */
  readonly listener?: Endpoint | undefined;
  readonly workers: number;
  /** Channels sorted by group and number, without free slots. */
  readonly channels: readonly ChannelRecord[];
  /** Open connections by state. */
  readonly states: Readonly<Record<ConnectionState, number>>;
  /** The first connections in the requested order. */
  readonly connections: readonly TopConnection[];
}

/** One connection. */
export interface TopConnection extends Omit<ConnectionInfo, "listener" | "backend" | "local"> {
  /** Bytes per second from the client; absent until there are two samples. */
  readonly sentRate?: number | undefined;
  /** Bytes per second to the client; absent until there are two samples. */
  readonly rcvdRate?: number | undefined;
}

/** The byte counts of all connections, to compute their rates in the next sample. */
export interface ConnectionCounts {
  readonly timeMs: number;
  /** Numbers of the connections, ascending. */
  readonly ids: Float64Array;
  /** `sent` and `rcvd` of each connection, in this order. */
  readonly bytes: Float64Array;
}

/** Where a sample comes from. */
interface TopSource extends Pick<TopSample, "version" | "pid" | "timeMs" | "listener"> {
  readonly table: Table;
  /** All open connections, sorted by number. */
  readonly connections: readonly ConnectionInfo[];
}

/**
 * Takes a sample.
 *
 * @param options `count`: the maximum number of connections to list, in which `order`; `memory`:
 * what the last call returned, for the rates.
 * @returns The sample, and the memory for the next call.
 */
export function takeSample(
  source: TopSource,
  options: { count: number; order: TopOrder; memory?: TopMemory<ConnectionCounts> | undefined },
): { sample: TopSample; memory: TopMemory<ConnectionCounts> } {
  const { table, connections, timeMs, ...about } = source;
  const { count, order, memory = [] } = options;
  const states = { header: 0, waiting: 0, dialing: 0, open: 0, "half-closed": 0, closing: 0 };
  for (const { state } of connections) states[state]++;
  const rates = rated(connections, timeMs, compareWith(memory, timeMs));
  const sample: TopSample = {
    ...about,
    timeMs,
    workers: table.size.workers,
    channels: channelRecords(table),
    states,
    connections: first(rates, count, order),
  };
  return { sample, memory: remember(memory, counted(connections, timeMs)) };
}

function counted(connections: readonly ConnectionInfo[], timeMs: number): ConnectionCounts {
  const ids = new Float64Array(connections.length);
  const bytes = new Float64Array(connections.length * 2);
  connections.forEach(({ id, sent, rcvd }, index) => {
    ids[index] = id;
    bytes[index * 2] = sent;
    bytes[index * 2 + 1] = rcvd;
  });
  return { timeMs, ids, bytes };
}

/** A connection and its bytes per second in each direction. */
interface Rates {
  readonly info: ConnectionInfo;
  readonly sent: number | undefined;
  readonly rcvd: number | undefined;
}

/** How much older than the time since the last sample a new connection may be, in milliseconds. */
const LATE_MS = 500;

/** Merges connections and the counts of an earlier sample; both are sorted by number. */
function* rated(
  connections: readonly ConnectionInfo[],
  timeMs: number,
  before: ConnectionCounts | undefined,
): Generator<Rates> {
  const spanMs = timeMs - (before?.timeMs ?? timeMs);
  let at = 0;
  for (const info of connections) {
    while (before !== undefined && at < before.ids.length && before.ids[at]! < info.id) at++;
    const known = before !== undefined && before.ids[at] === info.id;
    // A new connection started at zero. Workers report one after another, so it may be a little
    // older than the last sample. A much older one was missing there because its worker was busy.
    if (spanMs <= 0 || !known && info.ageMs > spanMs + LATE_MS) {
      yield { info, sent: undefined, rcvd: undefined };
    } else {
      const sent = info.sent - (known ? before.bytes[at * 2]! : 0);
      const rcvd = info.rcvd - (known ? before.bytes[at * 2 + 1]! : 0);
      const ms = known ? spanMs : Math.max(spanMs, info.ageMs);
      yield { info, sent: sent * 1000 / ms, rcvd: rcvd * 1000 / ms };
    }
  }
}

/** The first connections of an order, without sorting all of them. */
function first(all: Iterable<Rates>, count: number, order: TopOrder): TopConnection[] {
  const best: { value: number; rates: Rates }[] = [];
  const sign = order.reversed ? -1 : 1;
  for (const rates of all) {
    const value = sign * weight(rates, order);
    // Ties: the older connection first, in reverse order last.
    const comesBefore = (other: { value: number }) =>
      order.reversed ? other.value > value : other.value >= value;
    const last = best[count - 1];
    if (count === 0 || last !== undefined && comesBefore(last)) continue;
    let low = 0, high = best.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comesBefore(best[middle]!)) low = middle + 1;
      else high = middle;
    }
    best.splice(low, 0, { value, rates });
    if (best.length > count) best.pop();
  }
  return best.map(({ rates: { info, sent, rcvd } }) => ({
    id: info.id,
    client: info.client,
    peer: info.peer,
    group: info.group,
    channel: info.channel,
    state: info.state,
    ageMs: info.ageMs,
    idleMs: info.idleMs,
    sent: info.sent,
    rcvd: info.rcvd,
    sentRate: sent && Math.round(sent),
    rcvdRate: rcvd && Math.round(rcvd),
  }));
}

/** The sort value, largest first. */
function weight({ info, sent, rcvd }: Rates, { key }: TopOrder): number {
  switch (key) {
    case "sent":
      return info.sent;
    case "rcvd":
      return info.rcvd;
    case "rate":
      // Until there is a rate, the average since the connection was accepted.
      return sent === undefined || rcvd === undefined
        ? (info.sent + info.rcvd) * 1000 / Math.max(info.ageMs, 1)
        : sent + rcvd;
    default:
      // By age. Workers measure ages at different moments, but numbers grow with time.
      return -info.id;
  }
}
