/** Earlier samples, to compute rates: the same for channels and for connections. */

/** Time that rates are averaged over, in milliseconds. */
const RATE_SPAN_MS = 5000;

/** Minimum time between two samples to compute a rate, in milliseconds. */
const MIN_SPAN_MS = 500;

/** A sample that is older than the span by this is still used: samples are never taken on time. */
const LATE_MS = 250;

/** A sample and its time. */
interface Moment {
  readonly timeMs: number;
}

/** Samples within the span, and at most one before it; the latest one first. */
export type TopMemory<T extends Moment> = readonly T[];

/**
 * The sample to compute a rate from at `timeMs`: the oldest one within the span. If the last sample
 * is older than that, for example because the server is slow, it is that one.
 */
export function compareWith<T extends Moment>(memory: TopMemory<T>, timeMs: number): T | undefined {
  const oldEnough = memory.filter((sample) => timeMs - sample.timeMs >= MIN_SPAN_MS);
  return oldEnough.findLast((sample) => isRecent(sample, timeMs)) ?? oldEnough[0];
}

/** Remembers a sample, unless the last one is too recent, and forgets those before the span. */
export function remember<T extends Moment>(memory: TopMemory<T>, sample: T): TopMemory<T> {
  const [last] = memory;
  if (last === undefined) return [sample];
  if (sample.timeMs - last.timeMs < MIN_SPAN_MS) return memory;
  return [sample, last, ...memory.slice(1).filter((one) => isRecent(one, sample.timeMs))];
}

function isRecent({ timeMs }: Moment, nowMs: number): boolean {
  return nowMs - timeMs <= RATE_SPAN_MS + LATE_MS;
}
