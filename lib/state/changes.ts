import { DEFAULT_WEIGHT } from "../table/states.ts";
import type { Baseline, BaselineChannel } from "./baseline.ts";
import type { ChannelChange } from "./record.ts";

/**
 * What operators changed on configured channels. It is noted when they do it: the table alone does
 * not show it, because agents and `-a` change states and limits as well.
 */
export class OperatorChanges {
  readonly #baseline: Baseline;
  /** By number of the group, then by key. */
  readonly #groups = new Map<number, Map<string, ChannelChange>>();

  constructor(baseline: Baseline) {
    this.#baseline = baseline;
  }

  /** Notes a change. A value as configured ends an earlier change. */
  note(group: number, channel: number, change: ChannelChange): void {
    const key = this.#baseline.keyOf(group, channel);
    if (key !== undefined) this.noteKey(group, key, change);
  }

  /** As {@link note}, for a channel with this key. */
  noteKey(group: number, key: string, change: ChannelChange): void {
    const wanted = this.#baseline.wanted[group]?.channels.find((one) => one.key === key);
    if (wanted === undefined) return;
    const channels = this.#groups.get(group) ?? new Map<string, ChannelChange>();
    this.#groups.set(group, channels.set(key, { ...channels.get(key), ...change }));
  }

  /** What was changed on a configured channel; empty if nothing differs from the configuration. */
  of(group: number, wanted: BaselineChannel): ChannelChange {
    const { state, maxc, weight, check, assigned } = this.#groups.get(group)?.get(wanted.key) ?? {};
    const { attributes } = wanted;
    const isAssigned = assigned !== undefined &&
      (assigned.host !== wanted.host || assigned.port !== wanted.port);
    return {
      ...(state === undefined || state === "enabled" ? {} : { state }),
      ...(maxc === undefined || maxc === wanted.maxc ? {} : { maxc }),
      ...(weight === undefined || weight === (attributes.weight ?? DEFAULT_WEIGHT)
        ? {}
        : { weight }),
      ...(check === undefined || check === (attributes.check?.text ?? "default") ? {} : { check }),
      ...(isAssigned ? { assigned } : {}),
    };
  }
}
