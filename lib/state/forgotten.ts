/**
 * After `forget`, what operators had changed until then stays in force, but is no longer saved. Pure.
 */

import type { AdmissionChanges } from "./admission_record.ts";
import type { ChangedChannel, CreatedChannel, GroupState, OperatorState } from "./record.ts";

/** What is still as it was when it was forgotten. What has changed since then is left out. */
export function stillForgotten(forgotten: OperatorState, now: OperatorState): OperatorState {
  return select(forgotten, now, { common: true });
}

/** What was changed after other changes had been forgotten. */
export function changedSince(forgotten: OperatorState, now: OperatorState): OperatorState {
  return select(now, forgotten, { common: false });
}

/** The parts of one record that another one has as well (`common`), or that it does not have. */
function select(
  from: OperatorState,
  other: OperatorState,
  { common }: { common: boolean },
): OperatorState {
  const groups = from.groups.flatMap((one): GroupState[] => {
    const { group, schedule } = one;
    const twin = other.groups.find((each) => each.group === group);
    const keepSchedule = schedule !== undefined && (schedule === twin?.schedule) === common;
    const channels = one.channels.flatMap((channel) => {
      const same = twin?.channels.find(({ key }) => key === channel.key);
      return selectFields(channel, same, { common });
    });
    const created = one.created.filter((channel) =>
      (twin?.created.some((each) => isSameCreated(each, channel)) ?? false) === common
    );
    if (!keepSchedule && channels.length + created.length === 0) return [];
    return [{ group, ...(keepSchedule ? { schedule } : {}), channels, created }];
  });
  const admission = selectAdmission(from.admission, other.admission, { common });
  return { version: from.version, groups, ...admission && { admission } };
}

function selectFields(
  { key, ...fields }: ChangedChannel,
  other: ChangedChannel | undefined,
  { common }: { common: boolean },
): ChangedChannel[] {
  const kept = keptFields(fields, other, { common });
  return kept.length === 0 ? [] : [{ key, ...Object.fromEntries(kept) }];
}

function selectAdmission(
  { ranges = {}, ...from }: AdmissionChanges = {},
  other: AdmissionChanges | undefined,
  { common }: { common: boolean },
): AdmissionChanges | undefined {
  const kept = keptFields(from, other, { common });
  const keptRanges = keptFields(ranges, other?.ranges, { common });
  if (keptRanges.length > 0) kept.push(["ranges", Object.fromEntries(keptRanges)]);
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** The fields of a record that another one has with the same value (`common`), or has not. */
function keptFields(
  fields: object,
  other: object | undefined,
  { common }: { common: boolean },
): [string, unknown][] {
  const theirs = (other ?? {}) as Readonly<Record<string, unknown>>;
  return Object.entries(fields).filter(([name, value]) =>
    (JSON.stringify(value) === JSON.stringify(theirs[name])) === common
  );
}

function isSameCreated(a: CreatedChannel, b: CreatedChannel): boolean {
  return JSON.stringify({ ...a, channel: 0, key: "" }) ===
    JSON.stringify({ ...b, channel: 0, key: "" });
}
