import { randomNumbers } from "./bytes.ts";

/** Random choices. */
export interface Draw {
  /** An integer from 0 to `below` - 1. */
  below(limit: number): number;
  /** One of the values. */
  of<T>(values: readonly T[]): T;
  /** True with a probability of `chance` percent. */
  percent(chance: number): boolean;
}

/** Random choices, the same for the same seed. */
export function drawer(seed: number): Draw {
  const next = randomNumbers(seed);
  const below = (limit: number) => next() % limit;
  return {
    below,
    of: (values) => values[below(values.length)]!,
    percent: (chance) => below(100) < chance,
  };
}
