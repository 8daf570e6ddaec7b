/**
 * What `top` shows of one moment, as plain numbers: it is what `top --json` answers.
 *
 * The busiest connections are chosen where all of them are known, so that fifty thousand cost
 * the control connection no more than the lines of a screen. How fast a connection is can only
 * be told there, too: by what the same client was told last.
 */

import type { Endpoint } from "../../base/endpoint.ts";
import type { ConnectionInfo, ConnectionState } from "../../base/connection_info.ts";
import { type ChannelRecord, channelRecords } from "../../table/channel_record.ts";
import type { Table } from "../../table/table.ts";
import { compareWith, remember, type TopMemory } from "./memory.ts";
import type { TopOrder } from "./order.ts";

/** One moment. */
export interface TopSample {
  readonly version: string;
  readonly pid: number;
  /** Milliseconds since the program started. */
  readonly timeMs: number;
  /** Where it listens, if that is known. */
  readonly listener?: Endpoint | undefined;
  readonly workers: number;
  /** Channels in order of group and number, without freed slots. */
  readonly channels: readonly ChannelRecord[];
  /** How many connections are in which state. */
  readonly states: Readonly<Record<ConnectionState, number>>;
  /** Some connections, in the order that was asked for. */
  readonly connections: readonly TopConnection[];
}

/** One connection. */
export interface TopConnection {
  readonly id: number;
  readonly client: Endpoint;
  readonly group?: number | undefined;
  readonly channel?: number | undefined;
  readonly state: ConnectionState;
  readonly ageMs: number;
  readonly idleMs: number;
  /** Bytes from the client. */
  readonly sent: number;
  /** Bytes to the client. */
  readonly rcvd: number;
  /** Bytes per second from the client; absent as long as there is nothing to compare with. */
  readonly sentRate?: number | undefined;
  /** Bytes per second to the client. */
  readonly rcvdRate?: number | undefined;
}

/** What must be remembered of all connections to tell their rates the next time. */
export interface ConnectionCounts {
  readonly timeMs: number;
  /** Numbers of the connections, upwards. */
  readonly ids: Float64Array;
  /** `sent` and `rcvd` of each, in this order. */
  readonly bytes: Float64Array;
}

/** What a sample is taken of. */
export interface TopSource {
  readonly version: string;
  readonly pid: number;
  /** Milliseconds since the program started. */
  readonly timeMs: number;
  readonly listener?: Endpoint | undefined;
  readonly table: Table;
  /** All open connections, in order of their numbers. */
  readonly connections: readonly ConnectionInfo[];
}

/**
 * Takes a sample.
 *
 * @param source Of what.
 * @param options `count`: how many connections it lists at most, in which `order`; `memory`: what
 * was returned the last time, for the rates.
 * @returns The sample, and what is to be remembered.
 */
export function takeSample(
  source: TopSource,
  options: { count: number; order: TopOrder; memory?: TopMemory<ConnectionCounts> | undefined },
): { sample: TopSample; memory: TopMemory<ConnectionCounts> } {
  const { table, connections, timeMs, ...about } = source;
  const { count, order, memory = [] } = options;
  const before = compareWith(memory, timeMs);
  const states = { dialing: 0, open: 0, "half-closed": 0 };
  for (const { state } of connections) states[state]++;
  const sample: TopSample = {
    ...about,
    timeMs,
    workers: table.size.workers,
    channels: channelRecords(table),
    states,
    connections: first(rated(connections, { timeMs, before }), { count, order }),
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

/** Bytes per second of a connection in each direction. */
interface Rates {
  readonly info: ConnectionInfo;
  readonly sent: number | undefined;
  readonly rcvd: number | undefined;
}

/** A connection this much older than the last look, in milliseconds, was there without us. */
const LATE_MS = 500;

/** Walks along the connections and what is remembered of them, which are in the same order. */
function* rated(
  connections: readonly ConnectionInfo[],
  { timeMs, before }: { timeMs: number; before: ConnectionCounts | undefined },
): Generator<Rates> {
  const spanMs = timeMs - (before?.timeMs ?? timeMs);
  let at = 0;
  for (const info of connections) {
    while (before !== undefined && at < before.ids.length && before.ids[at]! < info.id) at++;
    const known = before !== undefined && before.ids[at] === info.id;
    // One that was not there yet began at zero. Workers tell one after another, so it may have
    // begun a little before; but if it is old, its worker had no time to tell of it.
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
function first(
  all: Iterable<Rates>,
  { count, order }: { count: number; order: TopOrder },
): TopConnection[] {
  const best: { value: number; rates: Rates }[] = [];
  const sign = order.reversed ? -1 : 1;
  for (const rates of all) {
    const value = sign * weight(rates, order);
    // Among equals the older one is first; in reverse it is last.
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

/** What comes first weighs most. */
function weight({ info, sent, rcvd }: Rates, { key }: TopOrder): number {
  switch (key) {
    case "sent":
      return info.sent;
    case "rcvd":
      return info.rcvd;
    case "rate":
      // Without a rate yet, the mean of its life has to do.
      return sent === undefined || rcvd === undefined
        ? (info.sent + info.rcvd) * 1000 / Math.max(info.ageMs, 1)
        : sent + rcvd;
    default:
      // By age, that is: workers tell ages as of different moments, but numbers go up with time.
      return -info.id;
  }
}
