/** Where and how a contender runs. */
export interface Place {
  /** Port on 127.0.0.1 to listen on. */
  readonly port: number;
  /** Port of the only backend, on 127.0.0.1. */
  readonly backendPort: number;
  /** An empty folder for its files. */
  readonly folder: string;
  /** Buffers: the contender's default, or 256 KiB if it can be configured. */
  readonly buffers: "default" | "256K";
  /** Maximum number of open files. */
  readonly descriptors: number;
}

/** Connection limit of the contenders that need one: above the 9,000 idle connections. */
export const MAX_CONNECTIONS = 9500;

/** How to run a contender. */
export interface Start {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files to write first, by name in the folder. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A program to measure. */
export interface Contender {
  readonly name: string;
  readonly version: string;
  /** What makes the comparison unequal. */
  readonly note?: string;
  /** Takes part only in these figures; absent = in all but `workers`. */
  readonly only?: "workers" | "bulk";
  /** It has a process for each connection. */
  readonly forks?: true;
  /** Path of its control socket, if it is a balance. */
  readonly controlSocket?: (place: Place) => string;
  /** Command line and files for a place. It runs in the foreground with one thread. */
  start(place: Place): Start;
}

/** A program that cannot take part, and why. */
export interface Missing {
  readonly name: string;
  readonly missing: string;
}

export function isMissing(found: Contender | Missing): found is Missing {
  return "missing" in found;
}
