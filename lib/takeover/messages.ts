/**
 * The session of a successor with its predecessor, on the control socket after the greeting and the
 * line `.takeover`: a line of JSON for each message, in this order. If the session ends before
 * `commit`, the predecessor goes on as if nothing had happened.
 */

import type { Endpoint } from "../base/endpoint.ts";
import { type OperatorState, readState } from "../state/record.ts";
import {
  type CarriedGroup,
  type CarriedHealth,
  isCarriedGroup,
  isCarriedHealth,
} from "./carried.ts";

/** A message of the successor. */
export type FromSuccessor =
  /** It will listen. */
  | { readonly type: "listen" }
  /** It listens: from now on, it gets all new connections. */
  | {
    readonly type: "commit";
    readonly pid: number;
    /** Where it serves metrics. */
    readonly metrics: Endpoint | undefined;
  }
  /** It serves. After the answer, it takes over the control socket. */
  | { readonly type: "serving" }
  /** It shuts down on request: the predecessor must not serve again when it is gone. */
  | { readonly type: "stopping" };

/** A message of the predecessor. */
export type FromPredecessor =
  /** It goes on; also instead of `retiring`, if it was too late for `serving`. */
  | { readonly type: "refused"; readonly reason: string }
  /** Answers `.takeover`; no other successor may begin until the session ends. */
  | {
    readonly type: "begun";
    readonly health: readonly CarriedHealth[];
    /** Where it serves metrics: there, the successor may listen, too. */
    readonly metrics: Endpoint | undefined;
  }
  /** Answers `listen`: new connections go to its own socket only. */
  | {
    readonly type: "steered";
    readonly operator: OperatorState;
    readonly groups: readonly CarriedGroup[];
  }
  /** Answers `commit`. */
  | { readonly type: "committed" }
  /** Answers `serving`: it serves again only if the successor dies within a second. */
  | { readonly type: "retiring" }
  /** It no longer listens. */
  | { readonly type: "left" };

/** A message as a line, without its newline. */
export function encodeMessage(message: FromSuccessor | FromPredecessor): string {
  return JSON.stringify(message);
}

/** Reads a message of the successor; `undefined` if it is not one, or is invalid. */
export function decodeFromSuccessor(line: string): FromSuccessor | undefined {
  const message = parsed<FromSuccessor>(line);
  switch (message?.type) {
    case "commit":
      return isCount(message.pid) && isEndpoint(message.metrics) ? message : undefined;
    case "listen":
    case "serving":
    case "stopping":
      return message;
    default:
      return undefined;
  }
}

/** Reads a message of the predecessor; `undefined` if it is not one, or is invalid. */
export function decodeFromPredecessor(line: string): FromPredecessor | undefined {
  const message = parsed<FromPredecessor>(line);
  switch (message?.type) {
    case "refused":
      return typeof message.reason === "string" ? message : undefined;
    case "begun":
      return isListOf(message.health, isCarriedHealth) && isEndpoint(message.metrics)
        ? message
        : undefined;
    case "steered":
      return isListOf(message.groups, isCarriedGroup) ? withState(message) : undefined;
    case "committed":
    case "retiring":
    case "left":
      return message;
    default:
      return undefined;
  }
}

function withState(message: FromPredecessor & { type: "steered" }): FromPredecessor | undefined {
  try {
    return { ...message, operator: readState(message.operator) };
  } catch {
    return undefined;
  }
}

/** An object with any fields, whatever its type claims. */
function parsed<Message>(line: string): Message | undefined {
  try {
    const value = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) < 2 ** 31;
}

/** Whether a value is an address; there may be none. */
function isEndpoint(value: Partial<Endpoint> | null | undefined): boolean {
  return value === undefined ||
    (typeof value?.address === "string" && typeof value.port === "number");
}

function isListOf(value: unknown, isOne: (one: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isOne);
}
