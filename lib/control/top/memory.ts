/** Earlier samples, to compute rates: the same for channels and for connections. */

/** Minimum time between two samples to compute a rate, in milliseconds. */
const MIN_SPAN_MS = 500;

/** A sample and its time. */
interface Moment {
  readonly timeMs: number;
}

/** At most two samples, the later one first. */
export type TopMemory<T extends Moment> = readonly T[];

/** The latest sample that is old enough at `timeMs` to compute a rate. */
export function compareWith<T extends Moment>(memory: TopMemory<T>, timeMs: number): T | undefined {
  return memory.find((sample) => timeMs - sample.timeMs >= MIN_SPAN_MS);
}

/** Remembers a sample, unless the last one is too recent. */
export function remember<T extends Moment>(memory: TopMemory<T>, sample: T): TopMemory<T> {
  const [last] = memory;
  if (last === undefined) return [sample];
  return sample.timeMs - last.timeMs < MIN_SPAN_MS ? memory : [sample, last];
}
