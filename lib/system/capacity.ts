import type { ProcessLimits } from "./native.ts";

/** Descriptors that a connection takes: the client's and the backend's. */
const PER_CONNECTION = 2;
/** Descriptors that the program opens to serve at all, and those of each further isolate. */
const TO_SERVE = 16, PER_WORKER = 8;
/** Descriptors kept free for control sessions, the log, the dump and the metrics. */
const SPARE = 16;

/**
 * Tells how many connections one isolate may hold, so that each gets its backend: who comes
 * when there are so many waits to be accepted. Without such a bound a crowd of clients takes all
 * descriptors, none is left to reach a backend, and everybody is turned away.
 *
 * @param limits What the process may use.
 * @param workers How many isolates share it.
 * @returns At least 1; `undefined` if the limit is not known.
 */
export function mostConnections(
  { descriptors, open }: ProcessLimits,
  workers: number,
): number | undefined {
  if (descriptors === undefined) return undefined;
  const free = descriptors - open - TO_SERVE - PER_WORKER * (workers - 1) - SPARE;
  return Math.max(1, Math.floor(free / PER_CONNECTION / workers));
}
