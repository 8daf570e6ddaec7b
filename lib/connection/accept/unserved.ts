/** Reports about clients that are never served. */

import type { Arrival, BadHeader } from "../../admission/arrival.ts";
import type { ConnectionInfo } from "../../base/connection_info.ts";
import type { Endpoint } from "../../base/endpoint.ts";
import { bugLine } from "../../base/errors.ts";
import { isRefused, type Reason } from "../../base/reason.ts";
import { type AcceptedLink, clientOf, listenerOf, peerOf } from "../../engine/engine.ts";
import type { ConnectionContext } from "../context.ts";

/** Stands for the address of a client that reset its connection before it was known. */
const UNKNOWN: Endpoint = { address: "0.0.0.0", port: 0 };

/** Why a client is not served. */
interface Unserved {
  readonly reason: Reason;
  readonly badHeader?: BadHeader | undefined;
  /** If its header was awaited: the number that it has, and its age. */
  readonly arrival?: Pick<Arrival, "id" | "ageMs"> | undefined;
}

/** Reports a client that is never served and closes its link, with a reset if it is refused. */
export function refuse(context: ConnectionContext, link: AcceptedLink, why: Unserved): void {
  try {
    report(context, link, why);
  } catch (bug) {
    context.notice(bugLine(bug));
  }
  if (isRefused(why.reason)) link.reset?.();
  link.close();
}

function report(
  { monitor, refused, debug, table }: ConnectionContext,
  link: AcceptedLink,
  { reason, badHeader, arrival }: Unserved,
): void {
  const ageMs = Math.round(arrival?.ageMs ?? 0);
  const info = unserved(arrival?.id ?? table.nextConnection(), link, ageMs);
  if (isRefused(reason)) {
    debug?.(`connect from ${info.client.address} refused: ${reason}`);
    monitor?.refused?.(reason, badHeader?.fault);
    refused?.({ ...info, reason, failed: [], badHeader });
  } else {
    monitor?.started?.(info);
    monitor?.ended?.({ ...info, reason, failed: [] });
  }
}

/** Reports a client that reset its connection to `listener` before its address was known. */
export function reportGone({ table, monitor }: ConnectionContext, listener: Endpoint): void {
  const info = unserved(table.nextConnection(), { remote: UNKNOWN, local: listener });
  monitor?.started?.(info);
  monitor?.ended?.({ ...info, reason: "client left", failed: [] });
}

function unserved(
  id: number,
  link: Pick<AcceptedLink, "remote" | "local" | "announced">,
  ageMs = 0,
): ConnectionInfo {
  return {
    id,
    client: clientOf(link),
    peer: peerOf(link),
    listener: listenerOf(link),
    state: "dialing",
    ageMs,
    idleMs: 0,
    sent: 0,
    rcvd: 0,
  };
}
