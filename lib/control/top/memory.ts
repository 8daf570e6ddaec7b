/** What was seen before, to tell rates: the same for channels and for connections. */

/** Rates over less than this, in milliseconds, would say little. */
const LEAST_SPAN_MS = 500;

/** Something seen at a time. */
interface Moment {
  readonly timeMs: number;
}

/** At most two moments, the later one first. */
export type TopMemory<T extends Moment> = readonly T[];

/**
 * The last moment that is long enough ago to tell a rate.
 *
 * @param memory What was seen before.
 * @param timeMs Now.
 */
export function compareWith<T extends Moment>(memory: TopMemory<T>, timeMs: number): T | undefined {
  return memory.find((moment) => timeMs - moment.timeMs >= LEAST_SPAN_MS);
}

/**
 * Remembers a moment, unless the last one has just been.
 *
 * @param memory What was seen before.
 * @param moment What is seen now.
 */
export function remember<T extends Moment>(memory: TopMemory<T>, moment: T): TopMemory<T> {
  const [last] = memory;
  if (last === undefined) return [moment];
  return moment.timeMs - last.timeMs < LEAST_SPAN_MS ? memory : [moment, last];
}
