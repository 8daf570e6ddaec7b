/** Limits per client as texts: of options, commands and answers. Pure. */

import type { Limits } from "./client_limits.ts";

/** What one limit may be; 0 for none. */
export const LIMIT_RANGE = { min: 0, max: 1_000_000 } as const;

/** Parses a limit, digits only; `undefined` if it is something else, see {@link LIMIT_FAULT}. */
export function parseLimit(text: string): number | undefined {
  const limit = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  return limit <= LIMIT_RANGE.max ? limit : undefined;
}

/** What is wrong with a text that {@link parseLimit} does not read. */
export const LIMIT_FAULT = `not a number from ${LIMIT_RANGE.min} to ${LIMIT_RANGE.max}`;

/** The rates of `--accept-rate`. */
export type Rates = Pick<Limits, "acceptRate" | "clientRate">;

/**
 * Parses `N` or `N/CLIENT`: new connections per second in all, and of one client.
 *
 * @returns `undefined` if it is something else, or a number is out of {@link LIMIT_RANGE}.
 */
export function parseRates(text: string): Rates | undefined {
  const [all = "", client = "0", more] = text.split("/");
  const acceptRate = parseLimit(all), clientRate = parseLimit(client);
  if (acceptRate === undefined || clientRate === undefined || more !== undefined) return undefined;
  return { acceptRate, clientRate };
}

/** Rates as {@link parseRates} reads them. */
export function formatRates({ acceptRate, clientRate }: Rates): string {
  return clientRate === 0 ? `${acceptRate}` : `${acceptRate}/${clientRate}`;
}

/** What is wrong with a text that {@link parseRates} does not read. */
export const RATES_FAULT =
  `not N or N/CLIENT with numbers from ${LIMIT_RANGE.min} to ${LIMIT_RANGE.max}`;

/** What `--per-client` means, in words. */
export function perClientText(limit: number): string {
  return limit === 0 ? "no limit" : `at most ${limit}`;
}

/** What rates mean, in words. */
export function ratesText({ acceptRate, clientRate }: Rates): string {
  const each = clientRate === 0 ? "" : `, at most ${clientRate} per second of one client`;
  const all = acceptRate === 0 ? "no limit" : `at most ${acceptRate} per second`;
  return `${all} in all${each}`;
}
