/** How often a channel is probed, and how many results in a row change its health. */
export interface CheckSettings {
  /** From the start of one probe to the start of the next, in milliseconds. */
  readonly intervalMs: number;
  /** Consecutive successes until a channel is up. */
  readonly rise: number;
  /** Consecutive failures until a channel is down. */
  readonly fall: number;
  /** Time limit of one probe, in milliseconds. */
  readonly timeoutMs: number;
}

/** The settings without options. */
export const DEFAULT_CHECK_SETTINGS: CheckSettings = {
  intervalMs: 2000,
  rise: 2,
  fall: 3,
  timeoutMs: 2000,
};
