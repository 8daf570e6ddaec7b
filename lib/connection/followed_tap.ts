import type { ConnectionInfo } from "../base/connection_info.ts";
import type { Engine, RelayObserver } from "../engine/engine.ts";
import { proxyHeader } from "../proxy_protocol/build_header.ts";
import type { Claim } from "../schedule/claim.ts";
import type { Table } from "../table/table.ts";
import { afterWork } from "../timing/turns.ts";
import type { Tap, TapMaker } from "./observe.ts";

/**
 * Makes the tap of a connection, which learns when the channel of the connection gets another
 * number.
 *
 * @param info Returns the connection as it is now.
 * @returns `undefined` if the filter of the dump excludes it.
 */
export function followed(
  make: TapMaker,
  table: Table,
  info: () => ConnectionInfo,
): Tap | undefined {
  const tap = make(info());
  if (tap?.moved === undefined) return tap;
  let { arrangement } = table;
  const current = (): Tap => {
    if (table.arrangement === arrangement) return tap;
    arrangement = table.arrangement;
    tap.moved?.(info());
    return tap;
  };
  return {
    event: (text) => current().event(text),
    connected: (now) => current().connected(now),
    chunk: (side, bytes, leg) => current().chunk(side, bytes, leg),
    ended: (side, how) => current().ended(side, how),
    closed: (reason) => current().closed(reason),
  };
}

/** What passes each chunk to a tap. After much of it, the chunk waits for the next turn. */
export function chunksTo(tap: Tap, engine: Engine): NonNullable<RelayObserver["chunk"]> {
  return (side, bytes) => afterWork(engine, performance.now(), tap.chunk(side, bytes));
}

/**
 * The PROXY header that a connection to a backend starts with. The tap gets it, too.
 *
 * @returns `undefined` if the channel of the connection gets none.
 */
export function announced(
  connection: { readonly claim: Claim | undefined; info(): ConnectionInfo },
  table: Table,
  tap: Tap | undefined,
): Uint8Array | undefined {
  const { claim } = connection;
  const form = claim === undefined ? "none" : table.sendProxyOf(claim.account);
  if (form === "none") return undefined;
  const header = proxyHeader(form, connection.info());
  void tap?.chunk("client", header, "server");
  return header;
}
