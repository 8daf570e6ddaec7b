/** The channels that should exist, and those that the table has: makes the second like the first. */

import type { Ip } from "../address/ip.ts";
import type { ChannelAttributes } from "../check/channel_attributes.ts";
import type { Arrangement, Placed } from "../table/arrangement.ts";
import type { ChannelNames } from "../table/channel_names.ts";
import { DEFAULT_WEIGHT } from "../table/states.ts";
import type { ChannelPlace, NewChannel, Table } from "../table/table.ts";
import { configuredBy, type ConfiguredChannel } from "./configured.ts";
import { type LeavingChannels, watchLeaving } from "./leaving.ts";
import { changeOf, type GroupPlan, type Member, planGroup } from "./plan.ts";
import { changesOf, type SetChanges } from "./set_changes.ts";
import type { WantedChannel, WantedGroup } from "./wanted.ts";

const NO_ADDRESS: Ip = new Uint8Array(0);

/** The channels that should exist. */
export interface ChannelSet extends Disposable {
  /**
   * What was wanted last: at the start, or by the last {@link apply}. What differs from it in the
   * table was changed by an operator.
   */
  readonly wanted: readonly WantedGroup[];
  /** The key of a channel; `undefined` if an operator has created it, or it does not exist. */
  keyOf(group: number, channel: number): string | undefined;
  /** An operator has removed a channel; one that is created in its place has no key. */
  removed(group: number, channel: number): void;
  /**
   * Changes the table. Unchanged channels keep their connections, counters and health, and what an
   * operator changed. Those that are no longer wanted get no new connections, and are gone when the
   * last one has ended. Afterwards the numbers are as after a start.
   *
   * @param missing What becomes of wanted channels that an operator has removed. Default: they come
   * back.
   * @throws {ChannelSetError} If it does not fit; nothing has changed then.
   */
  apply(wanted: readonly WantedGroup[], missing?: "back" | "removed"): SetChanges;
  /** Sets what is notified of changes. */
  attach(followers: SetFollowers): void;
}

/** What is notified when channels were changed. */
export interface SetFollowers {
  readonly health: {
    rearranged(): void;
    created(group: number, channel: number, attributes: ChannelAttributes): void;
    changed(group: number, channel: number): void;
    setAttributes(group: number, channel: number, attributes: ChannelAttributes): void;
  };
  readonly drains: { look(): void };
  /** The configuration has changed something that an operator may have changed before. */
  readonly state?: {
    note(group: number, channel: number, change: ConfiguredChannel): void;
  };
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

/** Adds the channels of the start to a table; those that do not fit are left out. */
export function openChannelSet(parts: ChannelSetParts, start: readonly WantedGroup[]): ChannelSet {
  return new TableChannels(parts, start);
}

class TableChannels implements ChannelSet {
  wanted: readonly WantedGroup[];
  readonly #table: Table;
  readonly #names: ChannelNames;
  /** By the ID of the channel. */
  readonly #keys = new Map<number, string>();
  #followers: SetFollowers | undefined;
  readonly #leaving: LeavingChannels;

  constructor({ table, names }: ChannelSetParts, start: readonly WantedGroup[]) {
    this.#table = table;
    this.#names = names;
    this.#leaving = watchLeaving(table, {
      // First, so that a drain ends as drained.
      before: () => this.#followers?.drains.look(),
      gone: () => {
        this.#forgetGone();
        this.#followers?.health.rearranged();
      },
    });
    this.wanted = start;
    for (const [group, { schedule, channels }] of start.entries()) {
      table.setSchedule(group, schedule);
      for (const one of channels) {
        const channel = table.add(group, newChannel(one));
        if (channel !== undefined) this.#added(group, channel, one);
      }
    }
  }

  readonly keyOf = (group: number, channel: number): string | undefined =>
    this.#table.exists(group, channel) ? this.#keys.get(this.#table.id(group, channel)) : undefined;

  attach(followers: SetFollowers): void {
    this.#followers = followers;
  }

  [Symbol.dispose](): void {
    this.#leaving[Symbol.dispose]();
  }

  removed(group: number, channel: number): void {
    this.#keys.delete(this.#table.id(group, channel));
  }

  apply(wanted: readonly WantedGroup[], missing: "back" | "removed" = "back"): SetChanges {
    const table = this.#table, { groups } = table.size;
    mustFit(wanted, table.size);
    const plans = Array.from(
      { length: groups },
      (_, group) => this.#plan(group, { wanted, missing }),
    );
    // The names that channels have now: an operator may have assigned another one.
    const arrangements = plans.map((plan, group) => this.#arrangement(group, plan));
    const changes = changesOf(plans, {
      before: this.wanted,
      wanted,
      keyOf: (group, channel) => this.keyOf(group, channel),
    });
    const rearranged = new Map(
      arrangements.entries().filter(([group]) => plans[group]!.isRearranged),
    );
    const reassigned: ChannelPlace[] = [];
    const fits = table.rearrange(rearranged, () => {
      for (const [group, plan] of plans.entries()) {
        reassigned.push(...this.#applyToGroup(group, plan, wanted[group]));
      }
    });
    if (!fits) {
      throw new ChannelSetError("too many removed channels still have connections, see show");
    }
    this.wanted = wanted;
    this.#follow(plans, reassigned);
    return changes;
  }

  #plan(
    group: number,
    { wanted, missing }: { wanted: readonly WantedGroup[]; missing: "back" | "removed" },
  ): GroupPlan {
    return planGroup(this.#members(group), {
      wanted: wanted[group],
      before: this.wanted[group],
      length: this.#table.length(group),
      missing,
    });
  }

  #members(group: number): Member[] {
    const table = this.#table, members: Member[] = [];
    for (let channel = 0; channel < table.length(group); channel++) {
      if (!table.exists(group, channel)) continue;
      const isLeaving = table.isLeaving(group, channel);
      members.push({ channel, key: this.keyOf(group, channel), isLeaving });
    }
    return members;
  }

  #arrangement(group: number, { places }: GroupPlan): Arrangement {
    return places.map((one): Placed => {
      if (one.kind === "added") return { add: newChannel(one.to) };
      const written = this.#names.get(group, one.from);
      const before = one.kind === "kept" ? one.before : undefined;
      // An operator may have assigned another host.
      const isAssigned = before !== undefined && before.host !== written;
      const host = one.kind === "kept" && !isAssigned ? hashNameOf(one.to) : written;
      return { from: one.from, leaving: one.kind === "leaving", host };
    });
  }

  /** Called with the lock held, when channels have their new numbers. Returns those reassigned. */
  #applyToGroup(
    group: number,
    { places }: GroupPlan,
    wanted: WantedGroup | undefined,
  ): ChannelPlace[] {
    const table = this.#table, reassigned: ChannelPlace[] = [];
    const before = this.wanted[group]?.schedule;
    if (wanted !== undefined && wanted.schedule !== before) {
      table.setSchedule(group, wanted.schedule);
    }
    for (const [channel, one] of places.entries()) {
      if (one.kind !== "kept") continue;
      const { to, before } = one, change = changeOf(before, to);
      if (change.maxc) table.setMaxc(group, channel, to.maxc);
      if (change.weight) table.setWeight(group, channel, to.attributes.weight ?? DEFAULT_WEIGHT);
      if (change.sendProxy) table.setSendProxy(group, channel, to.attributes.sendProxy);
      if (change.address && this.#assign(group, channel, to)) reassigned.push({ group, channel });
    }
    return reassigned;
  }

  #assign(group: number, channel: number, wanted: WantedChannel): boolean {
    const { port, address = NO_ADDRESS } = wanted;
    const table = this.#table, now = table.address(group, channel);
    const isSame = now.length === address.length && now.every((byte, i) => byte === address[i]) &&
      table.port(group, channel) === port;
    if (isSame) return false;
    table.assign(group, channel, { address, port, host: hashNameOf(wanted) });
    if (address.length === 0) table.setHealth(group, channel, "down");
    return true;
  }

  #follow(plans: readonly GroupPlan[], reassigned: readonly ChannelPlace[]): void {
    const health = this.#followers?.health;
    this.#forgetGone();
    health?.rearranged();
    for (const [group, { places }] of plans.entries()) {
      for (const [channel, one] of places.entries()) {
        if (one.kind === "added") this.#added(group, channel, one.to);
        else if (one.kind === "kept") {
          if (changeOf(one.before, one.to).check) {
            health?.setAttributes(group, channel, one.to.attributes);
          }
          this.#note(group, channel, one);
        }
      }
    }
    for (const { group, channel } of reassigned) {
      const key = this.keyOf(group, channel);
      const host = this.wanted[group]?.channels.find((one) => one.key === key)?.host;
      if (host !== undefined) this.#names.set(group, channel, host);
      health?.changed(group, channel);
    }
    this.#followers?.drains.look();
    this.#leaving.watch();
  }

  #note(
    group: number,
    channel: number,
    change: { before: WantedChannel | undefined; to: WantedChannel },
  ): void {
    const configured = configuredBy(change);
    if (configured !== undefined) this.#followers?.state?.note(group, channel, configured);
  }

  #added(group: number, channel: number, to: WantedChannel): void {
    const { key, host, address, attributes } = to;
    this.#names.set(group, channel, host);
    this.#keys.set(this.#table.id(group, channel), key);
    if (address === undefined) this.#table.setHealth(group, channel, "down");
    this.#followers?.health.created(group, channel, attributes);
    this.#note(group, channel, { before: undefined, to });
  }

  #forgetGone(): void {
    const ids = new Set<number>();
    for (const { group, channel, state } of this.#table.rows()) {
      if (state !== "free") ids.add(this.#table.id(group, channel));
    }
    for (const id of this.#keys.keys()) {
      if (ids.has(id)) continue;
      this.#keys.delete(id);
      this.#names.delete(id);
    }
  }
}

/** @throws {ChannelSetError} If there are more groups or channels than the table was made for. */
export function mustFit(
  wanted: readonly { readonly channels: readonly unknown[] }[],
  { groups, channels: max }: { readonly groups: number; readonly channels: number },
): void {
  if (wanted.length > groups) throw limit(`${wanted.length} groups`, "groups", groups);
  for (const [group, { channels }] of wanted.entries()) {
    if (channels.length <= max) continue;
    throw limit(`${channels.length} channels in group ${group}`, "channels", max);
  }
}

function newChannel(wanted: WantedChannel): NewChannel {
  const { address = NO_ADDRESS, port, maxc, attributes: { weight, sendProxy } } = wanted;
  return { host: hashNameOf(wanted), address, port, maxc, weight, sendProxy };
}

function hashNameOf({ host, hashName = host }: WantedChannel): string {
  return hashName;
}

function limit(what: string, option: "groups" | "channels", max: number): ChannelSetError {
  return new ChannelSetError(
    `${what}, but --max-${option} was ${max} at the start; a takeover or a restart applies another`,
  );
}
