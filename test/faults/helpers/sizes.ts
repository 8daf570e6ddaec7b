/**
 * The size of the runs, and printing their figures.
 *
 * - `BALANCE_FAULTS_SCALE`: a factor for numbers of connections and seconds, default 1.
 * - `BALANCE_FAULTS_SEED`: seed of everything random, default 20261122.
 * - `BALANCE_SOAK_S`: seconds of the soak, default 60.
 *
 * @module
 */

const SCALE = Number(Deno.env.get("BALANCE_FAULTS_SCALE") ?? 1);

/** Seed of everything random; printed by each test that uses it. */
export const SEED = Number(Deno.env.get("BALANCE_FAULTS_SEED") ?? 20261122);

/** Seconds of the soak. */
export const SOAK_S = Number(Deno.env.get("BALANCE_SOAK_S") ?? 60 * SCALE);

/** A number of the full run, scaled; at least `min` (default 1). */
export function scaled(full: number, min = 1): number {
  return Math.max(min, Math.round(full * SCALE));
}

/** Prints a figure for RESULTS.md. */
export function figure(what: string, value: string | number): void {
  console.log(`figure: ${what}: ${value}`);
}

/** The quantile of some values, e.g. 0.99; they need not be sorted. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** Bytes as MiB with one decimal place. */
export function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** Sleeps: for the duration of a run, never to wait for a condition. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
