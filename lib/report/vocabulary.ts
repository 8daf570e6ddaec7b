/** The words that the access log, the metrics and the status share. */

import type { DialFailure, Reason } from "../base/reason.ts";

/** Who ended a connection: one of its sides, balance itself, or the operator. */
export type Actor = "client" | "backend" | "balance" | "admin";

const ACTORS: Readonly<Record<Reason, Actor>> = {
  "client closed": "client",
  "client reset": "client",
  "client left": "client",
  "backend closed": "backend",
  "backend reset": "backend",
  "connect failed": "balance",
  "nothing available": "balance",
  "idle limit": "balance",
  "wait timeout": "balance",
  "line full": "balance",
  "backend down": "balance",
  "denied": "balance",
  "client limit": "balance",
  "client rate": "balance",
  "bad proxy header": "balance",
  "closed by control": "admin",
  "drained": "admin",
  "shutdown": "admin",
};

// deno-fmt-ignore
const FAILURE_SET: Readonly<Record<DialFailure, true>> = {
  "refused": true, "timeout": true, "unreachable": true, "reset": true, "cancelled": true,
  "backend down": true, "no descriptor": true, "no local port": true, "failed": true,
};

/** All reasons why connections end, in a fixed order. */
export const REASONS = Object.keys(ACTORS) as readonly Reason[];

/** All reasons why attempts to connect fail, in a fixed order. */
export const FAILURES = Object.keys(FAILURE_SET) as readonly DialFailure[];

/** Who ends connections for this reason. */
export function actorOf(reason: Reason): Actor {
  return ACTORS[reason];
}

/** A reason as a single word: `client closed` becomes `client_closed`. */
export function word(reason: Reason | DialFailure): string {
  return reason.replaceAll(" ", "_");
}
