/** The channels that should exist, and those that the table has: makes the second like the first. */

import type { HealthControl } from "../check/check_status.ts";
import type { ChannelNames } from "../table/channel_names.ts";
import type { Table } from "../table/table.ts";
import type { WantedChannel, WantedGroup } from "./wanted.ts";

/** What a change of the channels did: each channel as `GROUP.CHANNEL name`. */
export interface SetChanges {
  readonly added: string[];
  readonly removed: string[];
  readonly changed: string[];
}

/** The channels that should exist. */
export interface ChannelSet {
  /**
   * What was wanted last: at the start, or by the last {@link apply}. What differs from it in the
   * table was changed by an operator.
   */
  readonly wanted: readonly WantedGroup[];
  /** The key of a channel; `undefined` if it was created by an operator, or does not exist. */
  keyOf(group: number, channel: number): string | undefined;
  /** An operator has removed a channel; one that is created in its place has no key. */
  removed(group: number, channel: number): void;
  /**
   * Changes the table. Unchanged channels keep their connections, counters and health, and what an
   * operator changed.
   *
   * @throws {ChannelSetError} If it does not fit; nothing has changed then.
   */
  apply(wanted: readonly WantedGroup[]): SetChanges;
  /** Sets who must learn of changes; before, nothing may be applied. */
  attach(followers: SetFollowers): void;
}

/** Who must learn that channels were changed. */
export interface SetFollowers {
  readonly health: Pick<HealthControl, "created" | "changed">;
  readonly drains: { look(): void };
}

/** Channels that do not fit into the table. The message is the reason. */
export class ChannelSetError extends Error {
  override readonly name = "ChannelSetError";
}

/** What the channels are kept in. */
export interface ChannelSetParts {
  /** Without channels. */
  readonly table: Table;
  readonly names: ChannelNames;
}

/** Adds the channels of the start to a table. */
export function openChannelSet(
  { table, names }: ChannelSetParts,
  start: readonly WantedGroup[],
): ChannelSet {
  let wanted = start, followers: SetFollowers | undefined;
  const keys = new Map<string, string>();

  function add(
    group: number,
    { key, host, hashName, address, port, maxc, attributes }: WantedChannel,
  ) {
    const to = { host: hashName ?? host, address: address ?? new Uint8Array(0), port, maxc };
    const channel = table.add(group, { ...to, weight: attributes.weight });
    if (channel === undefined) throw new ChannelSetError(`no place for [${key}]`);
    names.set(group, channel, host);
    keys.set(`${group}.${channel}`, key);
    if (address === undefined) table.setHealth(group, channel, "down");
    followers?.health.created(group, channel, attributes);
  }

  for (const [group, { schedule, channels }] of start.entries()) {
    table.setSchedule(group, schedule);
    for (const channel of channels) add(group, channel);
  }
  return {
    get wanted() {
      return wanted;
    },
    keyOf: (group, channel) => keys.get(`${group}.${channel}`),
    removed: (group, channel) => void keys.delete(`${group}.${channel}`),
    attach(given) {
      followers = given;
    },
    apply(next) {
      const added: string[] = [], removed: string[] = [], changed: string[] = [];
      for (let group = 0; group < table.size.groups; group++) {
        const channels = next[group]?.channels ?? [], before = wanted[group]?.channels ?? [];
        for (const { group: at, channel } of [...table.rows()]) {
          const key = keys.get(`${at}.${channel}`);
          if (at !== group || key === undefined) continue;
          if (channels.some((one) => one.key === key)) continue;
          table.setState(group, channel, "draining");
          keys.delete(`${group}.${channel}`);
          removed.push(key);
        }
        for (const one of channels) {
          const old = before.find(({ key }) => key === one.key);
          if (old === undefined) add(group, one), added.push(one.key);
        }
        const schedule = next[group]?.schedule;
        if (schedule !== undefined) table.setSchedule(group, schedule);
      }
      wanted = next;
      followers?.drains.look();
      return { added, removed, changed };
    },
  };
}
