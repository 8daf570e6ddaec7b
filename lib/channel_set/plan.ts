/** How the channels of a group become those that are wanted. Pure. */

import { isDeepStrictEqual } from "node:util";
import type { WantedChannel, WantedGroup } from "./wanted.ts";

/** A channel that the group has. */
export interface Member {
  /** Its number. */
  readonly channel: number;
  /** Its key; `undefined` if an operator has created it. */
  readonly key: string | undefined;
  /** Whether it was removed before and has connections. */
  readonly isLeaving: boolean;
}

/** What comes to a place of the group. */
export type PlannedPlace =
  /** A channel of the group that is wanted. */
  | {
    readonly kind: "kept";
    readonly from: number;
    readonly to: WantedChannel;
    /** What was wanted of it before; `undefined` if it was removed before, and comes back. */
    readonly before: WantedChannel | undefined;
  }
  /** A new channel. */
  | { readonly kind: "added"; readonly to: WantedChannel }
  /** A channel of an operator. */
  | { readonly kind: "created"; readonly from: number }
  /** A channel that leaves when it is empty. */
  | { readonly kind: "leaving"; readonly from: number; readonly isNew: boolean };

/** A change of a group. */
export interface GroupPlan {
  readonly places: readonly PlannedPlace[];
  /** Whether channels are added, removed or get other numbers. */
  readonly isRearranged: boolean;
}

/**
 * Plans a group: wanted channels in their order, then those of operators, then those that leave,
 * those that were removed first coming first.
 *
 * @param members The channels that the group has, in order.
 * @param before What was wanted before.
 * @param length Numbers that are taken in the group, including free slots.
 * @param missing What becomes of those that were wanted before and that the group has no more.
 */
export function planGroup(
  members: readonly Member[],
  { wanted, before, length, missing = "back" }: {
    wanted: WantedGroup | undefined;
    before: WantedGroup | undefined;
    length: number;
    missing?: "back" | "removed";
  },
): GroupPlan {
  const known = new Map(
    members.flatMap((one) => one.key === undefined ? [] : [[one.key, one] as const]),
  );
  const former = new Map(before?.channels.map((one) => [one.key, one]));
  const channels = wanted?.channels ?? [], keys = new Set(channels.map(({ key }) => key));
  const gone = members.filter(({ key }) => key !== undefined && !keys.has(key));
  const places: PlannedPlace[] = [
    ...channels.flatMap((to): PlannedPlace[] => {
      const member = known.get(to.key), before = former.get(to.key);
      const isMissing = member === undefined && before !== undefined;
      if (isMissing && missing === "removed") return [];
      if (member === undefined) return [{ kind: "added", to }];
      return [{
        kind: "kept",
        from: member.channel,
        to,
        before: member.isLeaving ? undefined : before,
      }];
    }),
    ...members.filter(({ key }) => key === undefined).map(({ channel }): PlannedPlace => {
      return { kind: "created", from: channel };
    }),
    ...[true, false].flatMap((isLeaving) =>
      gone.filter((one) => one.isLeaving === isLeaving).map(({ channel }): PlannedPlace => {
        return { kind: "leaving", from: channel, isNew: !isLeaving };
      })
    ),
  ];
  const isRearranged = places.length !== length || places.some((one, at) => {
    if (one.kind === "added" || one.from !== at) return true;
    return one.kind === "leaving" ? one.isNew : one.kind === "kept" && one.before === undefined;
  });
  return { places, isRearranged };
}

/** What differs between what was wanted of a channel and what is wanted now. */
export interface ChannelChange {
  readonly maxc: boolean;
  readonly weight: boolean;
  /** Its check, or the port that is probed. */
  readonly check: boolean;
  readonly address: boolean;
  readonly sendProxy: boolean;
}

/** Compares what was wanted of a channel and what is wanted now. */
export function changeOf(before: WantedChannel | undefined, to: WantedChannel): ChannelChange {
  const { maxc, address, attributes } = before ?? {};
  const { weight, sendProxy, ...check } = attributes ?? {};
  const { weight: toWeight, sendProxy: toSendProxy, ...toCheck } = to.attributes;
  const isNew = before === undefined;
  return {
    maxc: isNew || maxc !== to.maxc,
    weight: isNew || weight !== toWeight,
    check: isNew || !isDeepStrictEqual(check, toCheck),
    address: isNew || !isDeepStrictEqual(address, to.address),
    sendProxy: isNew || sendProxy !== toSendProxy,
  };
}
