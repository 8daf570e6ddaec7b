import { codeOf } from "../base/errors.ts";
import type { DialFailure } from "../base/reason.ts";

/** System errors of connect(2) and socket(2) by what they mean here. */
const MEANING: Readonly<Record<string, DialFailure>> = {
  ECONNREFUSED: "refused",
  ETIMEDOUT: "timeout",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  EHOSTDOWN: "unreachable",
  ENETDOWN: "unreachable",
  EACCES: "unreachable",
  EPERM: "unreachable",
  ECONNRESET: "reset",
  ECONNABORTED: "reset",
  EMFILE: "no descriptor",
  ENFILE: "no descriptor",
  ENOBUFS: "no descriptor",
  ENOMEM: "no descriptor",
  EADDRNOTAVAIL: "no local port",
  EADDRINUSE: "no local port",
};

/**
 * What a failed connect means.
 *
 * @param error What connecting threw.
 * @param signal The signal it was given; its reason takes precedence.
 */
export function dialFailure(error: unknown, signal: AbortSignal): DialFailure {
  if (signal.aborted) return signal.reason === "timeout" ? "timeout" : "cancelled";
  if (error instanceof Deno.errors.ConnectionRefused) return "refused";
  return MEANING[codeOf(error) ?? ""] ?? "failed";
}
