import type { ChannelRecord } from "../../table/channel_record.ts";
import type { TopOrder } from "./order.ts";
import type { TopSample } from "./sample.ts";

/** Rates per second. */
export interface ChannelRates {
  /** Attempts to connect. */
  readonly conns: number;
  /** Bytes from clients. */
  readonly sent: number;
  /** Bytes to clients. */
  readonly rcvd: number;
}

/** A channel with its rates. */
export interface RatedChannel extends ChannelRecord {
  /** Absent until there are two samples. */
  readonly rates: ChannelRates | undefined;
}

/**
 * The channels of a sample with their rates since an earlier sample.
 *
 * A counter that is lower than before was reset, or belongs to a new channel in a freed slot, so it
 * has counted from zero.
 */
export function ratedChannels(
  sample: TopSample,
  before: TopSample | undefined,
  order: TopOrder,
): RatedChannel[] {
  const earlier = new Map(before?.channels.map((one) => [`${one.group}.${one.channel}`, one]));
  // A reload may have given a channel another number.
  const moved = Map.groupBy(before?.channels ?? [], backendOf);
  const seconds = (sample.timeMs - (before?.timeMs ?? sample.timeMs)) / 1000;
  const rated = sample.channels.map((now) => {
    if (seconds <= 0) return { ...now, rates: undefined };
    const here = earlier.get(`${now.group}.${now.channel}`), there = moved.get(backendOf(now));
    const isMoved = here !== undefined && backendOf(here) !== backendOf(now);
    const then = isMoved || here === undefined ? there?.at(0) ?? here : here;
    const rate = (of: "totalc" | "sent" | "rcvd") => {
      const start = then?.[of] ?? 0;
      return (now[of] - (now[of] < start ? 0 : start)) / seconds;
    };
    return { ...now, rates: { conns: rate("totalc"), sent: rate("sent"), rcvd: rate("rcvd") } };
  });
  if (order.key !== "number") rated.sort((a, b) => weight(b, order) - weight(a, order));
  return order.reversed ? rated.reverse() : rated;
}

/** The backend of a channel, in its group. */
function backendOf({ group, address, port }: ChannelRecord): string {
  return `${group} ${address} ${port}`;
}

/** The sort value, largest first. */
function weight({ c, sent, rcvd, rates }: RatedChannel, { key }: TopOrder): number {
  switch (key) {
    case "conns":
      return c;
    case "sent":
      return sent;
    case "rcvd":
      return rcvd;
    default:
      return rates === undefined ? sent + rcvd : rates.sent + rates.rcvd;
  }
}

/** The sum of the rates of channels; `undefined` if they have none. */
export function totalRates(channels: readonly RatedChannel[]): ChannelRates | undefined {
  if (channels.length > 0 && channels[0]!.rates === undefined) return undefined;
  const sum = { conns: 0, sent: 0, rcvd: 0 };
  for (const { rates } of channels) {
    sum.conns += rates?.conns ?? 0;
    sum.sent += rates?.sent ?? 0;
    sum.rcvd += rates?.rcvd ?? 0;
  }
  return sum;
}
