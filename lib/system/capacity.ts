/**
 * How the file descriptors of the process are divided: those for proxied connections, and one fixed
 * budget for everything else (control clients, metrics, log, dump).
 */

import type { ProcessLimits } from "../native/process.ts";

/**
 * Descriptors that the program needs to serve at all, those of each worker, and those of the epoll
 * engine in it: its epoll set, two eventfds, and one that is spare.
 */
const TO_SERVE = 16, PER_WORKER = 8, PER_EPOLL = 4;
/** The pipes of all workers take at most this fraction of the limit. */
const PIPE_FRACTION = 1 / 16, MAX_PIPES = 128;
/** The budget is this fraction of the limit, within these bounds. */
const BUDGET_FRACTION = 1 / 8, MIN_BUDGET = 16, MAX_BUDGET = 192;

/** The sockets of a connection: the client's and the backend's. */
const SOCKETS = 2;
/** The descriptors of a pipe. */
const ENDS = 2;
/**
 * Operations on the dump files of connections that may run at a time. Deno duplicates the descriptor
 * of a file for each asynchronous operation.
 */
export const MAX_FILE_OPERATIONS = 8;

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

/** The most descriptors that are added for health checks, also as a fraction of the limit. */
const MAX_PROBES = 1024, PROBE_FRACTION = 1 / 16;

/**
 * How many descriptors health checks get in addition to {@link budgetSize}, so that backends that
 * hang do not delay the checks of others.
 *
 * @param checks Number of channels that are checked.
 */
export function probeDescriptors(
  { descriptors }: Pick<ProcessLimits, "descriptors">,
  checks: number,
): number {
  const part = descriptors === undefined ? MAX_PROBES : Math.floor(descriptors * PROBE_FRACTION);
  return Math.min(checks, part, MAX_PROBES);
}

/** Descriptors to resolve one name, and all names at a time; also a fraction of the limit. */
const PER_NAME = 3, MAX_FOR_NAMES = 32, NAMES_FRACTION = 1 / 16;

/**
 * How many descriptors the names of channels get in addition to {@link budgetSize} if they are
 * followed (`--resolve`).
 */
export function nameDescriptors(
  { descriptors = Infinity }: Pick<ProcessLimits, "descriptors">,
  names: number,
): number {
  return Math.min(names * PER_NAME, MAX_FOR_NAMES, Math.floor(descriptors * NAMES_FRACTION));
}

/**
 * How many pipes each worker of the epoll engine may open, which it moves large amounts of data
 * through; from 0, then all bytes are copied, to 128.
 */
export function pipesPerWorker(
  { descriptors = Infinity }: Pick<ProcessLimits, "descriptors">,
  workers: number,
): number {
  const part = Math.floor(descriptors * PIPE_FRACTION / workers / ENDS);
  return Math.min(part, MAX_PIPES);
}

/** How many connections one isolate may hold. */
export interface ConnectionLimits {
  /** At least 1; `Infinity` if the descriptor limit is unknown. */
  readonly max: number;
  /** The same while each connection has its own dump file. */
  readonly maxWithFiles: number;
}

/** How the process is divided. */
interface Division {
  /** How many isolates share the descriptors of the process. */
  readonly workers: number;
  /** With the epoll engine: how many pipes each of them may open, see {@link pipesPerWorker}. */
  readonly pipes?: number | undefined;
  /** The size of the {@link Budget}. */
  readonly budget: number;
}

/**
 * How many connections one isolate may hold so that each can still open its backend socket, and its
 * dump file if it has one.
 *
 * More clients wait in the backlog. Without this limit, a burst of clients takes all descriptors,
 * none is left to reach a backend, and every connection fails.
 */
export function connectionLimits(limits: ProcessLimits, division: Division): ConnectionLimits {
  const { workers } = division, free = ofConnections(limits, division);
  const max = (descriptors: number, each: number) =>
    Math.max(1, Math.floor(descriptors / workers / each));
  return { max: max(free, SOCKETS), maxWithFiles: max(free - MAX_FILE_OPERATIONS, SOCKETS + 1) };
}

/**
 * The descriptor limit without which these workers of the epoll engine cannot serve one connection
 * each, even if nothing else needs any; `undefined` if the limit allows that.
 */
export function neededLimit(limits: ProcessLimits, workers: number): number | undefined {
  const missing = SOCKETS * workers - ofConnections(limits, { workers, pipes: 0, budget: 0 });
  return missing > 0 ? (limits.descriptors ?? 0) + missing : undefined;
}

/**
 * How many connections may have their own dump file open. Fewer if such a dump starts while more
 * connections are open than {@link ConnectionLimits.maxWithFiles}, but at least one per isolate.
 *
 * @param open Connections of all isolates.
 */
export function maxDumpFiles(limits: ProcessLimits, division: Division, open: number): number {
  const most = division.workers * connectionLimits(limits, division).maxWithFiles;
  const left = ofConnections(limits, division) - MAX_FILE_OPERATIONS - SOCKETS * open;
  return Math.max(division.workers, Math.min(most, left));
}

/** The descriptors for the connections of all isolates. May be negative. */
function ofConnections(
  { descriptors, open }: ProcessLimits,
  { workers, pipes, budget }: Division,
): number {
  if (descriptors === undefined) return Infinity;
  const ofEpoll = pipes === undefined ? 0 : PER_EPOLL + ENDS * pipes;
  const each = (workers > 1 || pipes !== undefined ? PER_WORKER : 0) + ofEpoll;
  return descriptors - open - TO_SERVE - each * workers - budget;
}
