/** Earlier samples, to compute rates: the same for channels and for connections. */

/** Minimum time between two samples to compute a rate, in milliseconds. */
const MIN_SPAN_MS = 500;

/** Something measured at a time. */
interface Moment {
  readonly timeMs: number;
}

/** At most two moments, the later one first. */
export type TopMemory<T extends Moment> = readonly T[];

/**
 * The last moment that is long enough ago to compute a rate.
 *
 * @param memory The earlier moments.
 * @param timeMs Now, in milliseconds.
 */
export function compareWith<T extends Moment>(memory: TopMemory<T>, timeMs: number): T | undefined {
  return memory.find((moment) => timeMs - moment.timeMs >= MIN_SPAN_MS);
}

/**
 * Remembers a moment, unless the last one is too recent.
 *
 * @param memory The earlier moments.
 * @param moment The current one.
 */
export function remember<T extends Moment>(memory: TopMemory<T>, moment: T): TopMemory<T> {
  const [last] = memory;
  if (last === undefined) return [moment];
  return moment.timeMs - last.timeMs < MIN_SPAN_MS ? memory : [moment, last];
}
