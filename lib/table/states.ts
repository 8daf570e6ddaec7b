/** The words for schedules and for the states of channels. The table stores their positions. */

/** The schedules: how a group chooses among its channels. See SCHEDULES in balance(1). */
export const SCHEDULE_NAMES = ["rr", "hash", "least", "random", "first", "consistent"] as const;

/** One of {@link SCHEDULE_NAMES}. */
export type ScheduleName = typeof SCHEDULE_NAMES[number];

/** The schedule of a group that nothing configures. */
export const DEFAULT_SCHEDULE: ScheduleName = "rr";

/** Administrative states of a channel; `free` is an unused slot. */
export const CHANNEL_STATES = ["free", "enabled", "disabled", "draining"] as const;

/** The state that the operator has set. Health never changes it. */
export type ChannelState = typeof CHANNEL_STATES[number];

/** Positions in {@link CHANNEL_STATES}. */
export const STATE = Object.fromEntries(
  CHANNEL_STATES.map((state, index) => [state, index]),
) as Readonly<Record<ChannelState, number>>;

/** Health of a channel: what checks and connections found out. */
export const CHANNEL_HEALTHS = ["unknown", "up", "down"] as const;

/** `unknown`: nothing was checked yet, or there are no checks. It counts as up. */
export type ChannelHealth = typeof CHANNEL_HEALTHS[number];

/** Why a channel that is not simply up or down gets fewer clients, or only one at a time. */
export const CAUTIONS = ["none", "suspect", "half open", "resting"] as const;

/**
 * - `suspect`: a connect has timed out. One client at a time, and only if no other channel of the
 *   group is available.
 * - `half open`: one client at a time finds out whether it is up again.
 * - `resting`: a connect has just failed, and clients wait for another attempt.
 */
export type Caution = typeof CAUTIONS[number];

/** Maximum and default weight of a channel. A channel with weight 0 gets no new connections. */
export const MAX_WEIGHT = 256, DEFAULT_WEIGHT = 1;
