/**
 * How a relay ends: which side ended first, and what follows for the other side. Shared by all
 * engines: functions over a plain record, without I/O.
 *
 * - The end of input from one side (FIN) closes only the output to the other side (half-close).
 * - A reset of one side ends the relay, and the other side is reset, too: otherwise a stream that was
 *   cut off would look complete.
 * - If a write to one side fails, what that side has already sent is still delivered. The end of
 *   its input then counts as a reset: the failed write may have consumed the socket's error.
 */

import type { Reason } from "../base/reason.ts";
import type { Ending, Side } from "../base/side.ts";
import type { RelayEnd } from "./engine.ts";

/** The state of a relay. Changed only by the functions of this file. */
export interface RelayEnding {
  /** Number of directions still running. */
  running: number;
  /** Whether both links are closed; from then on, errors are ignored. */
  closed: boolean;
  /** What ended first. */
  first: RelayEnd | undefined;
  /** The side to which a write failed. */
  refusing: Side | undefined;
}

/** What to do after the input from one side ended. */
export type NextStep =
  /** Close the output to the other side, but keep reading from it. */
  | "half-close"
  /** Do nothing: the other direction has stopped, so the relay closes when this one stops. */
  | "wait"
  /** Close both links. */
  | "close"
  /** Reset the other side where possible, and close both links. */
  | "reset";

/** The state of a relay that has just started. */
export function newRelayEnding(): RelayEnding {
  return { running: 2, closed: false, first: undefined, refusing: undefined };
}

/**
 * The input from one side ended.
 *
 * @param read How the last read ended: with the end of input, or with an error.
 * @returns How that side ended and what to do; `undefined` when the relay is closed.
 */
export function inputEnded(
  state: RelayEnding,
  side: Side,
  read: Ending,
): { how: Ending; next: NextStep } | undefined {
  if (state.closed) return undefined;
  const how = state.refusing === side ? "reset" : read;
  state.first ??= { side, how };
  if (how === "end") return { how, next: state.running === 1 ? "wait" : "half-close" };
  return { how, next: read === "reset" || state.first.how === "reset" ? "reset" : "close" };
}

/** A write to one side failed. */
export function writeFailed(state: RelayEnding, to: Side): void {
  state.refusing = to;
}

/** One direction has stopped; returns whether the links must be closed now. */
export function directionStopped(state: RelayEnding): boolean {
  return --state.running === 0 && !state.closed;
}

/** The caller closes the relay; returns whether the links must be closed now. */
export function closedByCaller(state: RelayEnding): boolean {
  state.first ??= { side: "client", how: "closed" };
  return !state.closed;
}

/** Marks the relay as closed and returns what ended it. */
export function closeRelay(state: RelayEnding): RelayEnd {
  state.closed = true;
  return state.first ?? { side: "client", how: "end" };
}

/** What ended a relay, for the log. If the caller has closed it, the caller knows better. */
export function reasonOf(end: RelayEnd): Reason {
  if (end.how === "closed") return "closed by control";
  return end.how === "end" ? `${end.side} closed` : `${end.side} reset`;
}
