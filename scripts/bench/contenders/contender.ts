/** Where and how a contender is to run. */
export interface Place {
  /** Port on 127.0.0.1 to listen on. */
  readonly port: number;
  /** Port on 127.0.0.1 of the only backend. */
  readonly backendPort: number;
  /** An empty folder for its files. */
  readonly folder: string;
  /** Buffers: the contender's own default, or 256 KiB where it lets us choose. */
  readonly buffers: "default" | "256K";
  /** Open files it may have. */
  readonly descriptors: number;
}

/** Room asked of those that want a number: above the 5,000 idle connections. */
export const MOST_CONNECTIONS = 6000;

/** How to run a contender. */
export interface Start {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files to write before, by name in the folder. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A program to be measured. */
export interface Contender {
  readonly name: string;
  readonly version: string;
  /** What is not equal about it. */
  readonly note?: string;
  /** Takes part in these figures only; absent = in all but `workers`. */
  readonly only?: "workers";
  /** The command line and files for a place. Runs in the foreground, one thread. */
  start(place: Place): Start;
}

/** A program that can't take part, and why. */
export interface Missing {
  readonly name: string;
  readonly missing: string;
}

export function isMissing(found: Contender | Missing): found is Missing {
  return "missing" in found;
}
