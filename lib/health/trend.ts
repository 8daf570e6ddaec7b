import type { CheckSettings } from "../check/settings.ts";
import type { ChannelHealth } from "../table/states.ts";

/** Consecutive results of the probes of one channel; at least one of both is 0. A plain record. */
export interface Trend {
  readonly successes: number;
  readonly failures: number;
}

/** Before the first result. */
export const NO_TREND: Trend = { successes: 0, failures: 0 };

/** How many results in a row change the health. */
export type RiseAndFall = Pick<CheckSettings, "rise" | "fall">;

/** The trend after another result. */
export function nextTrend({ successes, failures }: Trend, ok: boolean): Trend {
  return ok ? { successes: successes + 1, failures: 0 } : { successes: 0, failures: failures + 1 };
}

/**
 * The health that a trend leads to. While the health is unknown, a single result decides.
 *
 * @returns `undefined` if the health stays.
 */
export function healthOf(
  { successes, failures }: Trend,
  health: ChannelHealth,
  { rise, fall }: RiseAndFall,
): "up" | "down" | undefined {
  if (health !== "up" && successes >= (health === "unknown" ? 1 : rise)) return "up";
  if (health !== "down" && failures >= (health === "unknown" ? 1 : fall)) return "down";
  return undefined;
}

/** Whether results disagree with the health, so that it is about to change. */
export function isChanging({ successes, failures }: Trend, health: ChannelHealth): boolean {
  return health === "down" ? successes > 0 : failures > 0;
}
