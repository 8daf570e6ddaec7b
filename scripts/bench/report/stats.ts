/** The median: for an even number of values the mean of the two middle ones, for none NaN. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? NaN)) / 2;
}

/** Smallest and largest value. */
export function range(values: readonly number[]): { low: number; high: number } {
  return { low: Math.min(...values), high: Math.max(...values) };
}

/** `a[i] / b[i]` for each repeat: values of one repeat were measured right after each other. */
export function pairedRatios(a: readonly number[], b: readonly number[]): number[] {
  return a.length === b.length ? a.map((value, i) => value / (b[i] ?? NaN)) : [];
}
