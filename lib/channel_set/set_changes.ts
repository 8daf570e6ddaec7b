/** What a change of the channels does, for the operator. Pure. */

import { counted } from "../base/integers.ts";
import { changeOf, type GroupPlan, type PlannedPlace } from "./plan.ts";
import type { WantedGroup } from "./wanted.ts";

/** What a change of the channels did: the keys of channels, each after its group: `0 web1:80`. */
export interface SetChanges {
  readonly added: string[];
  readonly removed: string[];
  /** Channels with other attributes or another address, and `schedule of group N`. */
  readonly changed: string[];
  /** Whether channels that stay have another order. */
  readonly isReordered: boolean;
}

/** What plans for all groups do. @param about `keyOf`: as in `ChannelSet`, before the change. */
export function changesOf(
  plans: readonly GroupPlan[],
  { before, wanted, keyOf }: {
    before: readonly WantedGroup[];
    wanted: readonly WantedGroup[];
    keyOf: (group: number, channel: number) => string | undefined;
  },
): SetChanges {
  const added: string[] = [], removed: string[] = [], changed: string[] = [];
  let isReordered = false;
  for (const [group, { places }] of plans.entries()) {
    const kept = places.flatMap((one) => one.kind === "kept" ? [one.from] : []);
    isReordered ||= kept.some((from, at) => at > 0 && from < kept[at - 1]!);
    const then = before[group]?.schedule, now = wanted[group]?.schedule;
    if (then !== undefined && now !== undefined && then !== now) {
      changed.push(`schedule of group ${group}`);
    }
    for (const one of places) {
      if (one.kind === "added") added.push(`${group} ${one.to.key}`);
      else if (one.kind === "leaving" && one.isNew) {
        removed.push(`${group} ${keyOf(group, one.from)}`);
      } else if (one.kind === "kept" && one.before === undefined) {
        added.push(`${group} ${one.to.key}`);
      } else if (one.kind === "kept" && isChanged(one)) changed.push(`${group} ${one.to.key}`);
    }
  }
  return { added, removed, changed, isReordered };
}

function isChanged({ before, to }: Extract<PlannedPlace, { kind: "kept" }>): boolean {
  return Object.values(changeOf(before, to)).some(Boolean);
}

/** For example `2 channels added, 1 removed`; `undefined` if nothing has changed. */
export function changesText(
  { added, removed, changed, isReordered }: SetChanges,
): string | undefined {
  const parts: string[] = [];
  const add = (count: number, what: string) => {
    if (count === 0) return;
    parts.push(parts.length === 0 ? `${counted(count, "channel")} ${what}` : `${count} ${what}`);
  };
  const schedules = changed.filter((one) => one.startsWith("schedule"));
  add(added.length, "added");
  add(removed.length, "removed");
  add(changed.length - schedules.length, "changed");
  if (schedules.length > 0) parts.push(`${counted(schedules.length, "schedule")} changed`);
  if (isReordered) parts.push("the order has changed");
  return parts.length === 0 ? undefined : parts.join(", ");
}
