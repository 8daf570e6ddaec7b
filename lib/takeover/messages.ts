/**
 * The session of a successor with its predecessor, on the control socket after the greeting and the
 * line `.takeover`: a line of JSON for each message, in this order. If the session ends before
 * `commit`, the predecessor goes on as if nothing had happened.
 */

import type { Endpoint } from "../base/endpoint.ts";
import type { OperatorState } from "../state/record.ts";
import type { CarriedGroup, CarriedHealth } from "./carried.ts";

/** A message of the successor. */
export type FromSuccessor =
  /** It will listen on this many sockets. */
  | { readonly type: "listen"; readonly sockets: number }
  /** It listens: from now on, it gets all new connections. */
  | {
    readonly type: "commit";
    readonly sockets: number;
    readonly pid: number;
    /** Where it serves metrics. */
    readonly metrics: Endpoint | undefined;
  }
  /** It answers on the control socket. */
  | { readonly type: "serving" };

/** A message of the predecessor. */
export type FromPredecessor =
  | { readonly type: "refused"; readonly reason: string }
  /** Answers `.takeover`; no other successor may begin until the session ends. */
  | {
    readonly type: "begun";
    readonly health: readonly CarriedHealth[];
    /** Where it serves metrics: there, the successor may listen, too. */
    readonly metrics: Endpoint | undefined;
  }
  /** Answers `listen`: new connections go to its own sockets only, of which there are so many. */
  | {
    readonly type: "steered";
    readonly sockets: number;
    readonly operator: OperatorState;
    readonly groups: readonly CarriedGroup[];
  }
  /** Answers `commit`. */
  | { readonly type: "committed" }
  /** It listens no more; it closed so many sockets, each time the last one that it had. */
  | { readonly type: "left"; readonly sockets: number };

/** A message as a line, without its newline. */
export function encodeMessage(message: FromSuccessor | FromPredecessor): string {
  return JSON.stringify(message);
}

/** Reads a message; `undefined` if it is none. */
export function decodeMessage<Message extends { readonly type: string }>(
  line: string,
): Message | undefined {
  try {
    const value = JSON.parse(line);
    return typeof value?.type === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
