/** The balances that run on this host and that this user may control. */

import type { Endpoint } from "../base/endpoint.ts";
import { parsePrintableJson } from "../base/printable.ts";
import { findSockets, type FoundSocket, type SearchOptions } from "./control_socket.ts";
import { type FramedSession, openSession } from "./framed_session.ts";
import { isUnderstood } from "./protocol.ts";

/** Milliseconds that a balance may take for each answer. */
const ANSWER_MS = 1000;

/** A balance. What it did not report is `undefined`. */
export interface Instance {
  readonly pid: number | undefined;
  /** The address that it listens on. */
  readonly at: Endpoint;
  readonly version: string | undefined;
  readonly uptimeMs: number | undefined;
  /** Number of open connections. */
  readonly open: number | undefined;
  readonly state: "running" | "draining" | "not answering";
  /** The user ID of the owner of its socket. */
  readonly uid: number;
  /** Path of its control socket. */
  readonly path: string;
}

/**
 * Queries all balances. Stale sockets are left out.
 *
 * @param options `port`: only those with this port.
 * @returns Sorted by port, address and state.
 */
export async function findInstances(
  options: SearchOptions & { port?: number } = {},
): Promise<Instance[]> {
  const found = await Promise.all(findSockets(options).map(query));
  return found.filter((one) => one !== undefined).sort((a, b) =>
    a.at.port - b.at.port || compare(a.at.address, b.at.address) ||
    -compare(a.state, b.state) || (a.pid ?? 0) - (b.pid ?? 0)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Queries one; `undefined` if no process listens. */
async function query(socket: FoundSocket): Promise<Instance | undefined> {
  const session = await openSession(socket.path, ANSWER_MS);
  const { at, uid, path } = socket;
  if (session === "none" || session === "forbidden") return undefined;
  const unknown = { pid: undefined, version: undefined, uptimeMs: undefined, open: undefined };
  if (session === "silent") return { ...unknown, at, uid, path, state: "not answering" };
  using opened = session;
  const { hello } = opened;
  const known = isUnderstood(hello);
  return {
    pid: hello.pid,
    at,
    version: hello.version,
    // 4.0.0 does not report it, but creates its socket at its start.
    uptimeMs: hello.uptimeMs ?? (socket.since && Date.now() - socket.since),
    open: hello.open ?? (known ? await countConnections(opened) : undefined),
    state: hello.stopping || hello.succeeded ? "draining" : "running",
    uid,
    path,
  };
}

/** Number of open connections of a balance that does not report it in its greeting. */
async function countConnections(session: FramedSession): Promise<number | undefined> {
  const limit = setTimeout(() => session[Symbol.dispose](), ANSWER_MS);
  try {
    const answer = await session.ask("conns --json");
    if (typeof answer !== "object" || answer.failed) return undefined;
    const connections = parsePrintableJson(answer.text);
    return Array.isArray(connections) ? connections.length : undefined;
  } catch {
    return undefined;
  } finally {
    clearTimeout(limit);
  }
}
