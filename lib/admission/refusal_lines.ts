import { counted } from "../base/integers.ts";
import type { Endpoint } from "../base/endpoint.ts";
import type { Reason, Refusal } from "../base/reason.ts";
import type { BadHeader } from "./arrival.ts";

/** Lines about single clients that are printed at the start of a burst; more are counted. */
export const REFUSED_LINES = 10;

const CAUSES: Readonly<Record<Refusal, string>> = {
  "denied": "the access lists deny it",
  "client limit": "it has too many open connections (per-client)",
  "client rate": "it opens too many connections per second (accept-rate)",
};

/** A client that was refused. */
interface Refused {
  readonly client: Endpoint;
  readonly reason: Reason;
  readonly badHeader?: BadHeader | undefined;
}

/**
 * The line about a client that was refused.
 *
 * @returns `undefined` for a reason that is no refusal.
 */
export function refusalLine(refused: Refused): string | undefined {
  const { client: { address: client }, reason, badHeader } = refused;
  if (badHeader !== undefined) return badHeaderLine(client, badHeader);
  const cause = reason in CAUSES ? CAUSES[reason as Refusal] : undefined;
  return cause && `client ${client} was refused: ${cause}`;
}

function badHeaderLine(proxy: string, { fault, firstBytes }: BadHeader): string {
  const start = firstBytes === "" ? "nothing was received" : `it starts with [${firstBytes}]`;
  return `the PROXY header of ${proxy} was refused (${fault.replaceAll("_", " ")}): ${start}`;
}

/** The line for clients that were not named, at least 1. */
export function moreRefused(count: number): string {
  return `${counted(count, "more client")} ${count === 1 ? "was" : "were"} refused`;
}
