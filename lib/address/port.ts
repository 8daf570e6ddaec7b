import { strictInteger } from "../base/integers.ts";
import type { ServiceLookup } from "./services.ts";

/**
 * Reads a port: the name of a TCP service first, else a number, as 3.35 does.
 *
 * @param text Name or number.
 * @param services Looks names up.
 * @returns 0 to 65535, `undefined` if the text is neither a known name nor such a number.
 */
export function parsePort(text: string, services: ServiceLookup): number | undefined {
  return services(text) ?? strictInteger(text, { min: 0, max: 65535 });
}
