/**
 * How a relay ends: which side ended first, and what follows for the other one. Pure, so that all
 * engines share it.
 *
 * - The end of one input closes only the output to the other side (half-close).
 * - A side that was reset is gone in both directions, so the relay ends. If nothing ended before,
 *   the reset is passed on.
 * - A side that refuses bytes may still have sent some. They are delivered before the relay ends,
 *   and its end of input then counts as a reset: the failed write may have consumed the error.
 */

import type { Ending, Side } from "../base/side.ts";
import type { RelayEnd } from "./engine.ts";

/** How far a relay has ended. Changed only by the functions of this file. */
export interface RelayEnding {
  /** Directions that still run. */
  running: number;
  /** Whether both links are closed, so that further errors mean nothing. */
  closed: boolean;
  /** What ended first. */
  first: RelayEnd | undefined;
  /** The side that a write failed to. */
  refusing: Side | undefined;
}

/** What to do after the input from one side ended. */
export type NextStep =
  /** End the output to the other side; its own input goes on. */
  | "half-close"
  /** Nothing: the other direction has stopped, so the relay closes when this one stops. */
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
 * @param read What reading returned: the end of input, or an error.
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
  return { how, next: state.first.how === "reset" ? "reset" : "close" };
}

/** A write to one side failed. What that side has sent is still delivered. */
export function writeFailed(state: RelayEnding, to: Side): void {
  state.refusing = to;
}

/** One direction stopped for good; returns whether the relay has to close now. */
export function directionStopped(state: RelayEnding): boolean {
  return --state.running === 0 && !state.closed;
}

/** The caller ends the relay; returns whether it has to close now. */
export function closedByCaller(state: RelayEnding): boolean {
  state.first ??= { side: "client", how: "closed" };
  return !state.closed;
}

/** Marks the relay as closed and returns what ended it. */
export function closeRelay(state: RelayEnding): RelayEnd {
  state.closed = true;
  return state.first ?? { side: "client", how: "end" };
}
