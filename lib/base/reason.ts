import type { DialFailure } from "../engine/engine.ts";

/** Who ended a connection, and why. */
export type Reason =
  | "client closed"
  | "backend closed"
  | "client reset"
  | "backend reset"
  | "idle limit"
  | "client left"
  | "connect failed"
  | "nothing available"
  | "closed by control"
  | "shutdown";

/** Whether a failed dial says something about the backend, and not about ourselves. */
export function blamesBackend(failure: DialFailure): boolean {
  return failure !== "cancelled" && failure !== "no descriptor" && failure !== "no local port";
}
