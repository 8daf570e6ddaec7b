import { type AcceptedLink, clientOf } from "../engine/engine.ts";
import type { Claim } from "../schedule/claim.ts";
import { claims } from "../schedule/claims.ts";
import { clientKey } from "../schedule/client_key.ts";
import type { ConnectionContext } from "./context.ts";

/**
 * Searches for channels for a client, one after the other. Clients that wait come first.
 *
 * @param isFirst Only the first search of a connection is traced for `-d`.
 */
export function channelSearch(
  { table, options: { hashFailover }, waiting, debug }: ConnectionContext,
  link: AcceptedLink,
  isFirst: boolean,
): Generator<Claim, void, void> {
  const client = { key: () => clientKey(clientOf(link).address), hashFailover };
  const barred = waiting && (() => waiting.line.length > 0);
  return claims(table, client, { barred, trace: isFirst ? debug : undefined });
}
