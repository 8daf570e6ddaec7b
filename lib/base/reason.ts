/** Why a connection ended. */
// deno-fmt-ignore
export type Reason =
  | "client closed" | "backend closed" | "client reset" | "backend reset"
  | "idle limit" | "client left" | "connect failed" | "nothing available"
  | "closed by control" | "shutdown" | "wait timeout" | "line full" | "backend down" | "drained";

/** Why a backend could not be connected to. An expected result, not an exception. */
export type DialFailure =
  | "refused"
  | "timeout"
  | "unreachable"
  /** ECONNABORTED from connect(2). A backend that accepts and then resets counts as connected. */
  | "reset"
  /** The caller canceled it: the client left, or control closed the connection. */
  | "cancelled"
  /** Our own shortage: no free file descriptor or no free local port. */
  | "no descriptor"
  | "no local port"
  | "failed";

/** Whether a failed dial is the backend's fault: not canceled, and no shortage of our own. */
export function blamesBackend(failure: DialFailure): boolean {
  return failure !== "cancelled" && failure !== "no descriptor" && failure !== "no local port";
}
