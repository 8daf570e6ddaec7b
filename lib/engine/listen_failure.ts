import { codeOf, systemReason } from "../base/errors.ts";
import type { ListenFailure } from "./engine.ts";

/**
 * Why an address cannot be bound.
 *
 * @param error What listening threw.
 */
export function listenFailure(error: unknown): ListenFailure {
  return { failure: kindOf(error), reason: systemReason(error) };
}

function kindOf(error: unknown): ListenFailure["failure"] {
  if (error instanceof Deno.errors.AddrInUse) return "in use";
  if (error instanceof Deno.errors.PermissionDenied) return "no permission";
  switch (codeOf(error)) {
    case "EACCES":
      return "no permission";
    case "EMFILE":
    case "ENFILE":
      return "no descriptor";
    default:
      return "failed";
  }
}
