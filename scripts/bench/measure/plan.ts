/** The kinds of measurement, in the order in which they run. */
export const KINDS = [
  "request",
  "connection",
  "latency",
  "low",
  "control",
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
  /** Rates so low that the contender sleeps between two requests. Same warm-up as `latency`. */
  readonly low: {
    readonly connections: number;
    /** Seconds of the uncounted first run, at 1,000 requests per second. */
    readonly warmUp: number;
    readonly rates: readonly (Runs & { readonly rate: number })[];
  };
  /** Commands to the control socket of a balance while a load runs. */
  readonly control: Runs & { readonly commands: number };
  /** Numbers of idle connections. */
  readonly idle: {
    readonly repeats: number;
    readonly counts: readonly number[];
    /** Seconds between two readings of the memory. */
    readonly every: number;
    /** Maximum wait for steady memory, in seconds. */
    readonly settle: number;
    /** Seconds in which the CPU time without any traffic is measured. */
    readonly quiet: number;
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
  // Short runs, many of them: most are then free of the stalls of the machine, and so the median.
  latency: { repeats: 21, seconds: 1, rate: 4000, connections: 32 },
  low: {
    connections: 50,
    warmUp: 2,
    rates: [
      { rate: 10, repeats: 3, seconds: 10 },
      { rate: 100, repeats: 5, seconds: 4 },
      { rate: 1000, repeats: 5, seconds: 2 },
    ],
  },
  control: { repeats: 5, seconds: 4, commands: 100 },
  bulk: { repeats: 5, seconds: 1 },
  idle: { repeats: 2, counts: [1000, 5000, 9000], every: 0.5, settle: 8, quiet: 10 },
  start: { repeats: 7 },
  workers: { repeats: 5, seconds: 1.5 },
};

const QUICK: Plan = {
  mode: "quick",
  warmUp: 0.3,
  request: { repeats: 3, seconds: 0.3 },
  connection: { repeats: 3, seconds: 0.3 },
  latency: { repeats: 3, seconds: 0.4, rate: 4000, connections: 32 },
  low: {
    connections: 50,
    warmUp: 0.4,
    rates: [
      { rate: 100, repeats: 1, seconds: 1.25 },
      { rate: 1000, repeats: 1, seconds: 0.5 },
    ],
  },
  control: { repeats: 1, seconds: 2.5, commands: 100 },
  bulk: { repeats: 2, seconds: 0.2 },
  idle: { repeats: 1, counts: [1000], every: 0.25, settle: 1.5, quiet: 0.5 },
  start: { repeats: 2 },
  workers: { repeats: 2, seconds: 0.25 },
};

/** The plan of a run: less than 25 minutes, or 2 with `quick`, which is less reliable. */
export function planOf(quick: boolean): Plan {
  return quick ? QUICK : FULL;
}
