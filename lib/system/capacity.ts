import type { ProcessLimits } from "../native/process.ts";

/** File descriptors of one connection: the client's socket and the backend's. */
const PER_CONNECTION = 2;
/** Descriptors that the program needs to serve at all, and those of each additional isolate. */
const TO_SERVE = 16, PER_WORKER = 8;
/** Descriptors kept free for control sessions, the log, the dump and the metrics. */
const SPARE = 16;

/**
 * How many connections one isolate may hold so that each can still open its backend socket.
 *
 * More clients wait in the backlog. Without this limit, a burst of clients takes all descriptors,
 * none is left to reach a backend, and every connection fails.
 *
 * @param workers How many isolates share the descriptors of the process.
 * @returns At least 1; `undefined` if the descriptor limit is unknown.
 */
export function maxConnections(
  { descriptors, open }: ProcessLimits,
  workers: number,
): number | undefined {
  if (descriptors === undefined) return undefined;
  const free = descriptors - open - TO_SERVE - PER_WORKER * (workers - 1) - SPARE;
  return Math.max(1, Math.floor(free / PER_CONNECTION / workers));
}
