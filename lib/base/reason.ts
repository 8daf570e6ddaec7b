/** Why a connection ended. */
// deno-fmt-ignore
export type Reason =
  | "client closed" | "backend closed" | "client reset" | "backend reset"
  | "idle limit" | "client left" | "connect failed" | "nothing available"
  | "closed by control" | "shutdown" | "wait timeout" | "line full" | "backend down" | "drained"
  | "bad proxy header" | Refusal;

/** Why a client was refused: the access lists, or a limit for each client. */
export type Refusal = "denied" | "client limit" | "client rate";

/** Whether a client was refused before it was served, for these reasons or for its PROXY header. */
export function isRefused(reason: Reason): boolean {
  return REFUSED.includes(reason);
}

const REFUSED: readonly Reason[] = ["denied", "client limit", "client rate", "bad proxy header"];

/** Why a backend could not be connected to. An expected result, not an exception. */
export type DialFailure =
  | "refused"
  | "timeout"
  | "unreachable"
  /** ECONNABORTED from connect(2). A backend that accepts and then resets counts as connected. */
  | "reset"
  /** The caller canceled it: the client left, or control closed the connection. */
  | "cancelled"
  /** A health check found the backend down meanwhile (`--on-down close`). */
  | "backend down"
  /** Our own shortage: no free file descriptor or no free local port. */
  | "no descriptor"
  | "no local port"
  | "failed";

/**
 * Whether a failed dial proves a fault of the backend: it was not ended from here, and there was no
 * shortage of our own.
 */
export function blamesBackend(failure: DialFailure): boolean {
  return !wasEnded(failure) && failure !== "no descriptor" && failure !== "no local port";
}

/** Whether a dial was ended from here, so that its result is not known. */
export function wasEnded(failure: DialFailure): boolean {
  return failure === "cancelled" || failure === "backend down";
}
