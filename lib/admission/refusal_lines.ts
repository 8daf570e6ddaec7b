import { counted } from "../base/integers.ts";
import type { Reason, Refusal } from "../base/reason.ts";

/** Lines about single clients that are printed at the start of a burst; more are counted. */
export const REFUSED_LINES = 10;

const CAUSES: Readonly<Record<Refusal, string>> = {
  "denied": "the access lists deny it",
  "client limit": "it has as many connections as one client may have",
  "client rate": "it connects more often than one client may",
};

/**
 * The line about a client that was refused.
 *
 * @param client Its address.
 * @returns `undefined` for a reason that is no refusal.
 */
export function refusalLine(client: string, reason: Reason): string | undefined {
  const cause = reason in CAUSES ? CAUSES[reason as Refusal] : undefined;
  return cause && `client ${client} was refused: ${cause}`;
}

/** The line for clients that were not named, at least 1. */
export function moreRefused(count: number): string {
  return `${counted(count, "more client")} ${count === 1 ? "was" : "were"} refused`;
}
