import { formatEndpoint } from "../address/host_port.ts";
import { type Ip, parseIp } from "../address/ip.ts";
import type { ChannelAttributes } from "../check/channel_attributes.ts";
import type { HealthControl } from "../check/check_status.ts";
import { type CheckSpec, parseCheckSpec } from "../check/spec.ts";
import { SpecError } from "../check/spec_error.ts";
import type { ChannelNames } from "../table/channel_names.ts";
import type { Table } from "../table/table.ts";
import type { Baseline } from "./baseline.ts";
import type { OperatorChanges } from "./changes.ts";
import type {
  ChangedChannel,
  ChannelChange,
  CreatedChannel,
  GroupState,
  OperatorState,
} from "./record.ts";

/** What a record is applied to: a table that has exactly the configured channels. */
export interface ApplyParts {
  readonly table: Table;
  readonly names: ChannelNames;
  readonly baseline: Baseline;
  readonly changes: OperatorChanges;
  readonly health: Pick<HealthControl, "mayExec" | "setCheck" | "created" | "changed">;
}

/**
 * Applies what operators changed before, as far as it fits.
 *
 * @returns A sentence about each part that does not fit, without a newline.
 */
export function applyState({ groups }: OperatorState, parts: ApplyParts): string[] {
  const { table } = parts;
  return groups.flatMap((group) => {
    if (group.group < table.size.groups) return applyGroup(group, parts);
    return [`group ${group.group} is not restored: the limit is ${table.size.groups} groups`];
  });
}

function applyGroup(state: GroupState, parts: ApplyParts): string[] {
  const { group, schedule, channels, created } = state, lines: string[] = [];
  if (schedule !== undefined) parts.table.setSchedule(group, schedule);
  const first = parts.baseline.wanted[group]?.channels.length ?? 0;
  const slots = slotsOf(parts, group);
  for (const change of channels) {
    if (change.removed || !slots.has(change.key)) continue;
    lines.push(...applyChange(change, { group, channel: slots.get(change.key)! }, parts));
  }
  // In this order, so that channels get the numbers that they had: a new one takes the first gap.
  for (const one of created.filter(isAfter)) lines.push(...create(one, group, parts));
  const taken = new Set(created.map(({ channel }) => channel)), gaps: number[] = [];
  for (const { key, removed } of channels) {
    const channel = slots.get(key);
    if (channel === undefined) lines.push(gone(group, key, removed));
    else if (removed && taken.has(channel)) remove(parts, group, channel);
    else if (removed) gaps.push(channel);
  }
  for (const one of created) if (!isAfter(one)) lines.push(...create(one, group, parts));
  for (const channel of gaps) remove(parts, group, channel);
  return lines;

  function isAfter({ channel }: CreatedChannel): boolean {
    return channel >= first;
  }
}

/** The numbers of the configured channels of a group, by key. */
function slotsOf({ table, baseline }: ApplyParts, group: number): Map<string, number> {
  const slots = new Map<string, number>();
  for (let channel = 0; channel < table.length(group); channel++) {
    const key = baseline.keyOf(group, channel);
    if (key !== undefined && table.exists(group, channel)) slots.set(key, channel);
  }
  return slots;
}

function gone(group: number, key: string, removed: true | undefined): string {
  const what = removed ? "that it was removed" : "what was changed on it";
  return `channel [${key}] is gone from group ${group}: ${what} is dropped`;
}

function applyChange(
  { key, removed: _, ...change }: ChangedChannel,
  { group, channel }: { group: number; channel: number },
  { table, names, changes, health }: ApplyParts,
): string[] {
  const { state, maxc, weight, check, assigned } = change, lines: string[] = [];
  let kept: ChannelChange = change;
  if (assigned !== undefined) {
    const { host, port } = assigned;
    table.assign(group, channel, { host, port, address: addressOf(assigned) });
    names.set(group, channel, host);
    health.changed(group, channel);
  }
  if (maxc !== undefined) table.setMaxc(group, channel, maxc);
  if (weight !== undefined) table.setWeight(group, channel, weight);
  if (check !== undefined) {
    const found = readCheck(check, health);
    if (typeof found === "string") {
      lines.push(`check [${check}] of channel [${key}] in group ${group} is dropped: ${found}`);
      const { check: _check, ...others } = change;
      kept = others;
    } else health.setCheck(group, channel, found.spec);
  }
  if (state !== undefined) table.setState(group, channel, state);
  changes.noteKey(group, key, kept);
  return lines;
}

function create(
  { key, host, port, state, maxc, weight, check, checkPort, sendProxy, ...to }: CreatedChannel,
  group: number,
  { table, names, baseline, health }: ApplyParts,
): string[] {
  const name = `created channel [${formatEndpoint({ address: host, port })}] of group ${group}`;
  if (baseline.wanted[group]?.channels.some((one) => one.key === key)) {
    return [`${name} is not created: it is configured now`];
  }
  const address = addressOf(to);
  const channel = table.add(group, {
    ...{ host, address, port, maxc, weight, sendProxy, enabled: false },
  });
  if (channel === undefined) {
    return [`${name} is not created: the limit is ${table.size.channels} channels`];
  }
  names.set(group, channel, host);
  const lines: string[] = [];
  let attributes: ChannelAttributes = {
    ...(checkPort === undefined ? {} : { checkPort }),
    ...(sendProxy === undefined ? {} : { sendProxy }),
  };
  if (check !== undefined) {
    const found = readCheck(check, health);
    if (typeof found === "string") lines.push(`check [${check}] of ${name} is dropped: ${found}`);
    else if (found.spec !== undefined) attributes = { ...attributes, check: found.spec };
  }
  health.created(group, channel, attributes);
  table.setState(group, channel, state);
  return lines;
}

function remove(
  { table, names, baseline, health }: ApplyParts,
  group: number,
  channel: number,
): void {
  const id = table.id(group, channel);
  table.remove(group, channel);
  baseline.removed(group, channel);
  names.delete(id);
  health.changed(group, channel);
}

/** @returns The check, `undefined` in it for that of `--check`; or why it cannot be used. */
function readCheck(
  text: string,
  { mayExec }: Pick<HealthControl, "mayExec">,
): { spec: CheckSpec | undefined } | string {
  if (text === "default") return { spec: undefined };
  try {
    const spec = parseCheckSpec(text);
    if (spec.kind === "exec" && !mayExec) return "balance was started without an exec check";
    return { spec };
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    return error.message;
  }
}

function addressOf({ address }: { address: string }): Ip {
  return parseIp(address)!;
}
