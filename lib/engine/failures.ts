/** Converts errors of Deno and of the system to the failures of listen, accept and dial. */

import { codeOf, isDescriptorShortage, systemReason } from "../base/errors.ts";
import type { DialFailure } from "../base/reason.ts";
import type { AcceptFailure, ListenFailure } from "./engine.ts";

/** Why an address cannot be bound. */
export function listenFailure(error: unknown): ListenFailure {
  const code = codeOf(error), reason = systemReason(error);
  if (error instanceof Deno.errors.AddrInUse) return { failure: "in use", reason };
  if (error instanceof Deno.errors.AddrNotAvailable) return { failure: "not local", reason };
  if (error instanceof Deno.errors.PermissionDenied || code === "EACCES") {
    return { failure: "no permission", reason };
  }
  return { failure: isDescriptorShortage(error) ? "no descriptor" : "failed", reason };
}

/**
 * Why a connection was not accepted. An error that concerns neither the listener nor the client,
 * such as EMFILE, is a shortage.
 *
 * @param error What accepting, or setting up the accepted socket, threw.
 */
export function acceptFailure(error: unknown): AcceptFailure {
  const reason = systemReason(error);
  if (error instanceof Deno.errors.BadResource) return { failure: "closed", reason };
  const isClientGone = error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.NotConnected || codeOf(error) === "EPROTO";
  return { failure: isClientGone ? "client gone" : "shortage", reason };
}

/**
 * Whether a dial failed only after the connection had been established, because the backend reset
 * it: while Linux, macOS or BSD is still connecting, a reset is ECONNREFUSED. Deno passes on the
 * pending error of the socket (EPIPE after a FIN), or fails to read the addresses (ENOTCONN).
 */
export function wasEstablished(error: unknown): boolean {
  return isEstablishedCode(codeOf(error) ?? "");
}

/** {@link wasEstablished} for the code of an error, such as `"ECONNRESET"`. */
export function isEstablishedCode(code: string): boolean {
  return RESET_CODES.has(code);
}

const RESET_CODES: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "ENOTCONN"]);

/** Error codes of connect(2) and socket(2), except {@link wasEstablished}. */
// deno-fmt-ignore
const DIAL_FAILURES: Readonly<Record<string, DialFailure>> = {
  ECONNREFUSED: "refused", ETIMEDOUT: "timeout", ECONNABORTED: "reset",
  EHOSTUNREACH: "unreachable", ENETUNREACH: "unreachable", EHOSTDOWN: "unreachable",
  ENETDOWN: "unreachable", EACCES: "unreachable", EPERM: "unreachable",
  EMFILE: "no descriptor", ENFILE: "no descriptor", ENOBUFS: "no descriptor",
  ENOMEM: "no descriptor", EADDRNOTAVAIL: "no local port", EADDRINUSE: "no local port",
};

/** Whether a connect failed for lack of a resource of this host, such as descriptors. */
export function isOwnShortage(error: unknown): boolean {
  const failure = DIAL_FAILURES[codeOf(error) ?? ""];
  return failure === "no descriptor" || failure === "no local port";
}

/** Why a backend could not be connected to. If the dial was canceled, `signal` has the reason. */
export function dialFailure(error: unknown, signal: AbortSignal): DialFailure {
  if (signal.aborted) return signal.reason === "timeout" ? "timeout" : "cancelled";
  if (error instanceof Deno.errors.ConnectionRefused) return "refused";
  return DIAL_FAILURES[codeOf(error) ?? ""] ?? "failed";
}

/** Why a backend could not be connected to, by the code of the error, such as `"EHOSTUNREACH"`. */
export function dialFailureOf(code: string): DialFailure {
  return DIAL_FAILURES[code] ?? "failed";
}
