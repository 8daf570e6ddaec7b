import { strictInteger } from "../base/integers.ts";
import type { ServiceLookup } from "./services.ts";

/**
 * Parses a port: a service name, or else a number. As in 3.35, a name takes precedence.
 *
 * @param text Name or number.
 * @param services Looks up names.
 * @returns 0 to 65535; `undefined` if the text is neither a known name nor such a number.
 */
export function parsePort(text: string, services: ServiceLookup): number | undefined {
  return services(text) ?? strictInteger(text, { min: 0, max: 65535 });
}
