/** When a name is asked for again. Pure. */

/** `--resolve`: seconds between two questions, 0 for once; `ttl`: the times to live of records. */
export type ResolveInterval = number | "ttl";

/** Bounds of times to live, in seconds. */
const MIN_TTL_S = 1, MAX_TTL_S = 3600;

/** Seconds where there is no time to live: after a failure, or for a name of `/etc/hosts`. */
const UNKNOWN_TTL_S = 5;

/** The random part of an interval, and its maximum in milliseconds. */
const JITTER = 0.1, MAX_JITTER_MS = 5000;

/**
 * Milliseconds until a name is asked for again. They vary at random, so that names are not all asked
 * for at the same time: an interval may be shorter, but a time to live only longer, because a cache
 * would give the same answer before.
 *
 * @param options `ttlS`: of the last answer; `random`: from 0 to 1.
 */
export function nextAskMs(
  interval: ResolveInterval,
  { ttlS = UNKNOWN_TTL_S, random }: { ttlS?: number | undefined; random: number },
): number {
  const seconds = interval === "ttl" ? Math.min(Math.max(MIN_TTL_S, ttlS), MAX_TTL_S) : interval;
  const ms = seconds * 1000, jitter = Math.min(ms * JITTER, MAX_JITTER_MS) * random;
  return Math.round(interval === "ttl" ? ms + jitter : ms - jitter);
}
