import { formatEndpoint } from "../address/host_port.ts";
import type { ChannelAttributes } from "../check/channel_attributes.ts";
import type { LastProbe } from "../check/check_status.ts";
import type { ProbeTarget } from "../check/probes/probe.ts";
import type { CheckSpec } from "../check/spec.ts";
import type { ChannelHealth } from "../table/states.ts";
import type { ChannelPlace, Table } from "../table/table.ts";
import { NO_TREND, type Trend } from "./trend.ts";

export type { ChannelPlace } from "../table/table.ts";

/** What the main isolate knows about the health of one channel. */
export interface ChannelCheck {
  /** Of the channel; see `Table`. */
  readonly id: number;
  /** Where the channel is now. */
  group: number;
  channel: number;
  /** As of the command line or `create`; the command `check` changes `check`. */
  attributes: ChannelAttributes;
  /** How it is probed; `undefined` if it is not. */
  spec: CheckSpec | undefined;
  /** What is probed; `undefined` before the first probe. */
  target: ProbeTarget | undefined;
  /** Of the backend that all of this is about; see `Table`. */
  generation: number;
  trend: Trend;
  last: LastProbe | undefined;
  /** The health that was reported last. Workers may have changed the one in the table since. */
  reported: ChannelHealth;
  /** When that changed, in milliseconds since 1970. */
  sinceMs: number;
  /** Percent of its weight that its slow start, and its agent, leave to it. */
  rampPercent: number;
  agentPercent: number;
  /** When the next probe starts, in milliseconds of `performance.now()`; `Infinity` for never. */
  dueAt: number;
  /** The probe that is running; another object for each. */
  running: object | undefined;
  /** Ends it. The same for all probes until then. */
  abort: AbortController;
}

/** What is known about a channel at first: nothing. */
export function newChannelCheck(
  table: Table,
  { group, channel }: ChannelPlace,
  attributes: ChannelAttributes,
): ChannelCheck {
  const check = { id: table.id(group, channel), group, channel, attributes, spec: undefined };
  return {
    ...check,
    ...nothingKnown(table, check),
    dueAt: Infinity,
    running: undefined,
    abort: new AbortController(),
  };
}

/** What is known about the backend that a channel has now: nothing. */
export function nothingKnown(table: Table, { group, channel }: ChannelPlace) {
  return {
    generation: table.generation(group, channel),
    target: undefined,
    trend: NO_TREND,
    last: undefined,
    reported: table.health(group, channel),
    sinceMs: Date.now(),
    rampPercent: 100,
    agentPercent: 100,
  };
}

/** Whether a check still concerns the backend that its channel has now. */
export function isCurrent(table: Table, { group, channel, generation }: ChannelCheck): boolean {
  return table.exists(group, channel) && table.generation(group, channel) === generation;
}

/** The subject of a line, for example `channel 0.1 10.0.0.7:80`. */
export function nameOf(table: Table, { group, channel }: ChannelPlace): string {
  const endpoint = table.endpointOf(table.account(group, channel));
  return `channel ${group}.${channel} ${formatEndpoint(endpoint)}`;
}

/** Whether a probe that passes proves that clients can connect: it connects where they do. */
export function provesConnect({ spec, attributes: { checkPort } }: ChannelCheck): boolean {
  return spec !== undefined && checkPort === undefined && spec.kind !== "exec" &&
    spec.kind !== "agent";
}
