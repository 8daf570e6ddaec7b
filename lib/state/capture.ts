import { formatEndpoint } from "../address/host_port.ts";
import { formatIp } from "../address/ip.ts";
import type { ChannelAttributes } from "../check/channel_attributes.ts";
import type { ChannelNames } from "../table/channel_names.ts";
import { DEFAULT_SCHEDULE, type ScheduleName } from "../table/states.ts";
import type { Table } from "../table/table.ts";
import type { Baseline } from "./baseline.ts";
import type { OperatorChanges } from "./changes.ts";
import {
  type ChangedChannel,
  type CreatedChannel,
  type GroupState,
  type OperatorState,
  STATE_VERSION,
} from "./record.ts";

/** What a capture reads. */
export interface CaptureParts {
  readonly table: Table;
  readonly names: ChannelNames;
  readonly baseline: Baseline;
  readonly changes: OperatorChanges;
  /** The attributes of a channel that an operator created; its weight counts in the table. */
  readonly attributes: (group: number, channel: number) => ChannelAttributes | undefined;
}

/** Everything that operators changed, as a record. */
export function captureState(parts: CaptureParts): OperatorState {
  const groups: GroupState[] = [];
  for (let group = 0; group < parts.table.size.groups; group++) {
    const schedule = parts.table.schedule(group);
    const channels = changedChannels(parts, group), created = createdChannels(parts, group);
    const own = schedule === scheduleWanted(parts.baseline, group) ? {} : { schedule };
    if (channels.length + created.length === 0 && own.schedule === undefined) continue;
    groups.push({ group, ...own, channels, created });
  }
  return { version: STATE_VERSION, groups };
}

/** The schedule that a group has without an operator. */
export function scheduleWanted({ wanted }: Baseline, group: number): ScheduleName {
  return wanted[group]?.schedule ?? DEFAULT_SCHEDULE;
}

function changedChannels(
  { table, baseline, changes }: CaptureParts,
  group: number,
): ChangedChannel[] {
  const wanted = baseline.wanted[group]?.channels ?? [];
  if (wanted.length === 0) return [];
  const there = new Set<string>();
  for (let channel = 0; channel < table.length(group); channel++) {
    const key = table.exists(group, channel) ? baseline.keyOf(group, channel) : undefined;
    if (key !== undefined) there.add(key);
  }
  return wanted.flatMap((one): ChangedChannel[] => {
    if (!there.has(one.key)) return [{ key: one.key, removed: true }];
    const change = changes.of(group, one);
    return Object.keys(change).length === 0 ? [] : [{ key: one.key, ...change }];
  });
}

function createdChannels(
  { table, names, baseline, attributes }: CaptureParts,
  group: number,
): CreatedChannel[] {
  const created: CreatedChannel[] = [];
  const keys = new Set(baseline.wanted[group]?.channels.map(({ key }) => key));
  for (let channel = 0; channel < table.length(group); channel++) {
    if (!table.exists(group, channel) || baseline.keyOf(group, channel) !== undefined) continue;
    const state = table.state(group, channel);
    if (state === "free") continue;
    const address = formatIp(table.address(group, channel)), port = table.port(group, channel);
    const host = names.get(group, channel) ?? address;
    const { check, checkPort, sendProxy } = attributes(group, channel) ?? {};
    created.push({
      channel,
      key: freeKey(keys, formatEndpoint({ address: host, port })),
      ...{ host, address, port, state },
      maxc: table.maxc(group, channel),
      weight: table.weight(group, channel),
      ...(check === undefined ? {} : { check: check.text }),
      ...(checkPort === undefined ? {} : { checkPort }),
      ...(sendProxy === undefined ? {} : { sendProxy }),
    });
  }
  return created;
}

/** The key that another channel with this name has in its group. It is added to `keys`. */
function freeKey(keys: Set<string>, name: string): string {
  let key = name;
  for (let copy = 2; keys.has(key); copy++) key = `${name}#${copy}`;
  keys.add(key);
  return key;
}
