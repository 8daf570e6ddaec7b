/** A new order of the channels of a group. Pure. */

import type { NewChannel } from "./accounts.ts";

/** What comes to a place. */
export type Placed =
  /** A channel of the group, by its number so far. */
  | {
    readonly from: number;
    /** Whether it was removed and leaves when it is empty. @default as before */
    readonly leaving?: boolean;
    /** Its host as written, if its name is computed again. */
    readonly host?: string | undefined;
  }
  /** A new channel. */
  | { readonly add: NewChannel };

/** The channels of a group in their new order, those that leave at the end. */
export type Arrangement = readonly Placed[];

/**
 * Where round robin continues: at the same channel, or else at the next one that stays.
 *
 * @param cursor Where it would have continued, in the former order.
 * @param active How many channels the former order had, besides those that leave.
 */
export function movedCursor(places: Arrangement, cursor: number, active: number): number {
  const staying = new Map<number, number>();
  for (const [at, one] of places.entries()) {
    if ("from" in one && !one.leaving) staying.set(one.from, at);
  }
  for (let step = 0; step < active; step++) {
    const at = staying.get((cursor + step) % active);
    if (at !== undefined) return at;
  }
  return 0;
}
