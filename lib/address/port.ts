import { strictInteger } from "../base/integers.ts";
import type { ServiceLookup } from "./services.ts";

/**
 * Parses the name of a service or a number from 0 to 65535; as in 3.35, a name takes precedence.
 *
 * @returns `undefined` if it is neither.
 */
export function parsePort(text: string, services: ServiceLookup): number | undefined {
  return services(text) ?? strictInteger(text, { min: 0, max: 65535 });
}
