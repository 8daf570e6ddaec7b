/**
 * How the file descriptors of the process are divided: so many for proxied connections, and one
 * fixed budget for everything else (control clients, metrics, log, dump).
 */

import type { ProcessLimits } from "../native/process.ts";

/** Descriptors that the program needs to serve at all, and those of each worker. */
const TO_SERVE = 16, PER_WORKER = 8;
/** The budget is this fraction of the limit, but at least and at most so many descriptors. */
const BUDGET_FRACTION = 1 / 8, MIN_BUDGET = 16, MAX_BUDGET = 192;

/** The descriptors of a connection: the client's socket, the backend's, and its own dump file. */
const SOCKETS = 2, DUMP_FILE = 1;

/** A part of a {@link Budget}. */
export interface Share {
  /** Takes one descriptor. Returns `false` if none is free; the caller must not open one then. */
  take(): boolean;
  /** Gives one back, after the descriptor is closed. */
  release(): void;
  /** Number of descriptors that are taken. */
  readonly used: number;
}

/** The descriptors for everything besides proxied connections. */
export interface Budget {
  /** Number of descriptors in it. */
  readonly total: number;
  /**
   * Adds a share. With `min` equal to `max`, the descriptors are set aside, and nobody needs to take
   * them.
   *
   * @param name For the error.
   * @param size `min`: always available to this share; `max`: the most that it takes if others
   *     leave more (default: no limit).
   * @throws {RangeError} If the budget cannot guarantee `min` besides the other guarantees.
   */
  share(name: string, size: { min: number; max?: number }): Share;
}

/** Divides a number of descriptors among shares, which together never take more. */
export function newBudget(total: number): Budget {
  const shares: { readonly min: number; used: number }[] = [];
  /** Descriptors that are taken, or guaranteed to a share that has not taken them yet. */
  const claimed = () => shares.reduce((sum, { min, used }) => sum + Math.max(min, used), 0);
  return {
    total,
    share(name, { min, max = Infinity }) {
      if (claimed() + min > total) {
        throw new RangeError(`Cannot reserve ${min} descriptors for ${name}: budget is ${total}`);
      }
      const share = { min, used: 0 };
      shares.push(share);
      return {
        take() {
          if (share.used >= max || (share.used >= min && claimed() >= total)) return false;
          share.used++;
          return true;
        },
        release() {
          share.used--;
        },
        get used() {
          return share.used;
        },
      };
    },
  };
}

/**
 * The size of the budget: an eighth of the limit, from 16 to 192 descriptors; 192 if the limit is
 * unknown.
 */
export function budgetSize({ descriptors }: Pick<ProcessLimits, "descriptors">): number {
  if (descriptors === undefined) return MAX_BUDGET;
  const part = Math.floor(descriptors * BUDGET_FRACTION);
  return Math.min(Math.max(part, MIN_BUDGET), MAX_BUDGET);
}

/**
 * The descriptors that the connections of one isolate may use.
 *
 * @param options `workers`: how many isolates share the descriptors of the process. `budget`: the
 *     size of the {@link Budget}.
 * @returns May be negative; `undefined` if the descriptor limit is unknown.
 */
export function connectionDescriptors(
  { descriptors, open }: ProcessLimits,
  { workers, budget }: { workers: number; budget: number },
): number | undefined {
  if (descriptors === undefined) return undefined;
  const ofWorkers = workers > 1 ? PER_WORKER * workers : 0;
  return Math.floor((descriptors - open - TO_SERVE - ofWorkers - budget) / workers);
}

/**
 * How many connections may be open so that each can still open its backend socket, and its dump
 * file if each connection has one.
 *
 * More clients wait in the backlog. Without this limit, a burst of clients takes all descriptors,
 * none is left to reach a backend, and every connection fails.
 *
 * @param descriptors See {@link connectionDescriptors}.
 * @returns At least 1.
 */
export function maxConnections(
  descriptors: number | undefined,
  { dumpFiles }: { dumpFiles: boolean },
): number {
  if (descriptors === undefined) return Infinity;
  return Math.max(1, Math.floor(descriptors / (SOCKETS + (dumpFiles ? DUMP_FILE : 0))));
}
