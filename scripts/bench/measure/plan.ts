/** The kinds of measurement, in the order in which they run. */
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

/** How often a kind is repeated, and for how many seconds each time. */
export interface Runs {
  readonly repeats: number;
  readonly seconds: number;
}

/** How much is measured of each kind. */
export interface Plan {
  readonly mode: "full" | "quick";
  /** Seconds of the uncounted first run that warms every contender up. */
  readonly warmUp: number;
  readonly request: Runs;
  readonly connection: Runs;
  /** The first fifth of each run is not counted. */
  readonly latency: Runs & { readonly rate: number; readonly connections: number };
  /** Seconds for each direction. */
  readonly bulk: Runs;
  /** Numbers of idle connections; `settle` is the maximum wait for steady memory, in seconds. */
  readonly idle: {
    readonly repeats: number;
    readonly counts: readonly number[];
    readonly settle: number;
  };
  readonly start: { readonly repeats: number };
  readonly workers: Runs;
}

/** Connections of the closed-loop runs: enough to keep one thread busy, few enough to fork for each. */
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

/** The plan of a run: about twelve minutes, or under 90 seconds with `quick`, but less reliable. */
export function planOf(quick: boolean): Plan {
  return quick ? QUICK : FULL;
}
