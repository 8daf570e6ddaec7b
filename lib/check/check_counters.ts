/** What health checks count, for the metrics. Kept in the main isolate, which runs the checks. */

import type { Table } from "../table/table.ts";

/** Upper bounds of the histogram of durations in seconds; the last bucket has no bound. */
// deno-fmt-ignore
export const CHECK_BOUNDS_S: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** What was counted for one channel. */
export interface ChannelCounts {
  /** Probes that passed. */
  readonly passed: number;
  /** Probes that failed. */
  readonly failed: number;
  /** Durations per bucket of {@link CHECK_BOUNDS_S} and above the last; not cumulative. */
  readonly buckets: readonly number[];
  /** All durations, in milliseconds. */
  readonly sumMs: number;
  /** Changes between up and down. */
  readonly changes: number;
}

type Counts = { -readonly [Key in Exclude<keyof ChannelCounts, "buckets">]: ChannelCounts[Key] } & {
  buckets: number[];
  /** Of the channel when this was counted; see `Table`. */
  generation: number;
};

/** Counts probes and changes of health. A channel that gets another backend starts from zero. */
export class CheckCounters {
  readonly #table: Table;
  /** By the ID of the channel, so that they stay when it gets another number. */
  readonly #channels = new Map<number, Counts>();

  constructor(table: Table) {
    this.#table = table;
  }

  /** A probe has ended. */
  probed(group: number, channel: number, { ok, ms }: { ok: boolean; ms: number }): void {
    const counts = this.#of(group, channel);
    counts[ok ? "passed" : "failed"]++;
    counts.sumMs += ms;
    const bucket = CHECK_BOUNDS_S.findIndex((bound) => ms <= bound * 1000);
    counts.buckets[bucket < 0 ? CHECK_BOUNDS_S.length : bucket]!++;
  }

  /** A channel went up or down, because of checks or of connections. */
  changed(group: number, channel: number): void {
    this.#of(group, channel).changes++;
  }

  /** What was counted for a channel so far. */
  of(group: number, channel: number): ChannelCounts {
    return this.#of(group, channel);
  }

  /** Forgets a channel that was removed. @param id See `Table.id`. */
  delete(id: number): void {
    this.#channels.delete(id);
  }

  #of(group: number, channel: number): Counts {
    const id = this.#table.id(group, channel), generation = this.#table.generation(group, channel);
    let counts = this.#channels.get(id);
    if (counts?.generation !== generation) {
      const buckets = new Array(CHECK_BOUNDS_S.length + 1).fill(0);
      counts = { generation, passed: 0, failed: 0, buckets, sumMs: 0, changes: 0 };
      this.#channels.set(id, counts);
    }
    return counts;
  }
}
