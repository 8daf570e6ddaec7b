/** What can be measured, in the order in which it is measured. */
export const KINDS = [
  "request",
  "connection",
  "latency",
  "bulk",
  "idle",
  "start",
  "workers",
] as const;

/** One kind of measurement; `--only` selects among them. */
export type Kind = typeof KINDS[number];

/** How often one kind is repeated, and for how many seconds each time. */
export interface Runs {
  readonly repeats: number;
  readonly seconds: number;
}

/** How much of everything is done. */
export interface Plan {
  readonly mode: "full" | "quick";
  /** Seconds of the run before the first one that counts, so that every contender is warm. */
  readonly warmUp: number;
  readonly request: Runs;
  readonly connection: Runs;
  /** The first fifth of each latency run is not counted. */
  readonly latency: Runs & { readonly rate: number; readonly connections: number };
  /** Seconds for each direction. */
  readonly bulk: Runs;
  /** Numbers of idle connections; `settle` is the most seconds to wait for memory to be steady. */
  readonly idle: {
    readonly repeats: number;
    readonly counts: readonly number[];
    readonly settle: number;
  };
  readonly start: { readonly repeats: number };
  readonly workers: Runs;
}

/** Connections of the closed-loop runs: enough to keep one thread busy, few enough for a fork each. */
export const CLOSED_LOOP_CONNECTIONS = 50;

const FULL: Plan = {
  mode: "full",
  warmUp: 1,
  request: { repeats: 5, seconds: 1.5 },
  connection: { repeats: 5, seconds: 1.5 },
  latency: { repeats: 9, seconds: 2, rate: 4000, connections: 32 },
  bulk: { repeats: 5, seconds: 1 },
  idle: { repeats: 3, counts: [1000, 5000], settle: 8 },
  start: { repeats: 7 },
  workers: { repeats: 5, seconds: 1.5 },
};

const QUICK: Plan = {
  mode: "quick",
  warmUp: 0.3,
  request: { repeats: 3, seconds: 0.4 },
  connection: { repeats: 3, seconds: 0.4 },
  latency: { repeats: 2, seconds: 0.8, rate: 4000, connections: 32 },
  bulk: { repeats: 2, seconds: 0.3 },
  idle: { repeats: 1, counts: [1000], settle: 2 },
  start: { repeats: 3 },
  workers: { repeats: 3, seconds: 0.4 },
};

/** The plan of a run: about twelve minutes, or with `quick` under 90 seconds and less sure. */
export function planOf(quick: boolean): Plan {
  return quick ? QUICK : FULL;
}
