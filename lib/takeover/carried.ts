/** What a successor gets to know about the channels, besides what operators have changed. */

import type { ChannelSet } from "../channel_set/channel_set.ts";
import { CHANNEL_HEALTHS, type ChannelHealth } from "../table/states.ts";
import type { Table } from "../table/table.ts";

/** The health of a configured channel. */
export interface CarriedHealth {
  readonly group: number;
  /** See `WantedChannel`. */
  readonly key: string;
  readonly health: ChannelHealth;
}

/** Where round robin continues in a group. */
export interface CarriedGroup {
  readonly group: number;
  /** The number of the next channel. */
  readonly cursor: number;
  /** Its key; `undefined` if an operator created it. */
  readonly key: string | undefined;
  /** What channels are owed, by key: see `smoothChoice()`. */
  readonly debts: Readonly<Record<string, number>>;
}

/** Where it is read and written. */
export interface CarriedParts {
  readonly table: Table;
  /** Knows the keys of the configured channels. */
  readonly channelSet: Pick<ChannelSet, "keyOf">;
}

/** The health of all configured channels for which it is known. */
export function carriedHealth(parts: CarriedParts): CarriedHealth[] {
  return [...configured(parts)].flatMap(({ group, channel, key }) => {
    const health = parts.table.health(group, channel);
    return health === "unknown" ? [] : [{ group, key, health }];
  });
}

/**
 * Applies it to the same channels. Call this before their checks start.
 *
 * @returns Those that are down.
 */
export function applyHealth(
  parts: CarriedParts,
  carried: readonly CarriedHealth[],
): { group: number; channel: number }[] {
  const found = new Map(carried.map((one) => [`${one.group} ${one.key}`, one.health]));
  const down: { group: number; channel: number }[] = [];
  for (const { group, channel, key } of configured(parts)) {
    const health = found.get(`${group} ${key}`);
    if (health === undefined) continue;
    parts.table.setHealth(group, channel, health);
    if (health === "down") down.push({ group, channel });
  }
  return down;
}

/** Where round robin continues in all groups. */
export function carriedGroups(parts: CarriedParts): CarriedGroup[] {
  const { table, channelSet } = parts, groups: CarriedGroup[] = [];
  for (let group = 0; group < table.size.groups; group++) {
    const length = table.length(group);
    if (length === 0) continue;
    const cursor = table.cursor(group) % length, debts: Record<string, number> = {};
    for (let channel = 0; channel < length; channel++) {
      const key = channelSet.keyOf(group, channel), debt = table.debt(group, channel);
      if (key !== undefined && debt !== 0) debts[key] = debt;
    }
    groups.push({ group, cursor, key: channelSet.keyOf(group, cursor), debts });
  }
  return groups;
}

/** Continues there, in groups that have these channels. */
export function applyGroups(parts: CarriedParts, carried: readonly CarriedGroup[]): void {
  const { table } = parts;
  const byKey = new Map<string, number>();
  for (const { group, channel, key } of configured(parts)) byKey.set(`${group} ${key}`, channel);
  for (const { group, cursor, key, debts } of carried) {
    if (group >= table.size.groups) continue;
    const next = key === undefined ? cursor : byKey.get(`${group} ${key}`);
    if (next !== undefined && next < table.length(group)) table.setCursor(group, next);
    for (const [owed, debt] of Object.entries(debts)) {
      const channel = byKey.get(`${group} ${owed}`);
      if (channel !== undefined) table.setDebt(group, channel, debt);
    }
  }
}

/** Whether a value that another process has sent is a {@link CarriedHealth}. */
export function isCarriedHealth(value: unknown): value is CarriedHealth {
  const { group, key, health } = fieldsOf(value);
  return isNumber(group) && typeof key === "string" &&
    CHANNEL_HEALTHS.some((one) => one === health);
}

/** Whether a value that another process has sent is a {@link CarriedGroup}. */
export function isCarriedGroup(value: unknown): value is CarriedGroup {
  const { group, cursor, key, debts } = fieldsOf(value);
  return isNumber(group) && isNumber(cursor) && (key === undefined || typeof key === "string") &&
    typeof debts === "object" && debts !== null && Object.values(debts).every(Number.isInteger);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

/** Whether a value may be the number of a group or channel. */
function isNumber(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0;
}

function* configured(
  { table, channelSet }: CarriedParts,
): Generator<{ group: number; channel: number; key: string }> {
  for (let group = 0; group < table.size.groups; group++) {
    for (let channel = 0; channel < table.length(group); channel++) {
      const key = table.exists(group, channel) ? channelSet.keyOf(group, channel) : undefined;
      if (key !== undefined) yield { group, channel, key };
    }
  }
}
