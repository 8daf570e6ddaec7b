import type { ScheduledClient } from "../../lib/schedule/schedule.ts";

/**
 * A client as schedules see it.
 *
 * @param hash Its hash of 3.35, or a function that computes it.
 */
export function clientWithHash(
  hash: number | (() => number) = 0,
  hashFailover = false,
): ScheduledClient {
  const computed = typeof hash === "number" ? () => hash : hash;
  return { key: () => ({ hash: computed(), key: { high: 0, low: 0 } }), hashFailover };
}
