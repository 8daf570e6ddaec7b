import { codeOf, systemReason } from "../base/errors.ts";
import type { AcceptFailure } from "./engine.ts";

/**
 * What a failed accept means: EMFILE and the like are a shortage, the rest concerns one client.
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
