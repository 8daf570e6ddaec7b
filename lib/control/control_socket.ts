/**
 * The control sockets of running balances, as a client finds them: `balance.PORT.ADDR` in a run
 * directory; `balance.PORT.ADDR.old-PID` for one that drains while its successor already runs.
 */

import { delay } from "@std/async/delay";
import type { Endpoint } from "../base/endpoint.ts";
import { EXIT, ExitError, systemReason, withName } from "../base/errors.ts";
import { checkSocket, entries, searchDirectories } from "../system/search_directories.ts";
import type { SearchDirectory } from "../system/search_directories.ts";
import { isUnserved } from "./framed_session.ts";

/** Milliseconds to wait while too many clients connect at once, and between two attempts. */
const FULL_QUEUE_MS = 10_000, FULL_QUEUE_POLL_MS = 5;

/** Name of the socket: port and numeric address of the listener. */
export function socketName(at: Endpoint): string {
  return `balance.${at.port}.${at.address}`;
}

/** Name of the socket after a successor has taken its place. @param pid Of the one that drains. */
export function oldSocketName(at: Endpoint, pid: number): string {
  return `${socketName(at)}.old-${pid}`;
}

/** Where a client searches; the defaults are those of this process. */
export interface SearchOptions {
  readonly directories?: readonly SearchDirectory[];
  /** The user ID of the client. */
  readonly uid?: number;
}

/** A control socket that this client may use. */
export interface FoundSocket {
  readonly path: string;
  /** The address in its name. */
  readonly at: Endpoint;
  /** Whether its name is that of one that drains. */
  readonly old: boolean;
  /** The user ID of its owner. */
  readonly uid: number;
  /** Milliseconds since 1970 at which it was created, if known. */
  readonly since: number | undefined;
}

/**
 * Finds all control sockets that this client may use, whether a process listens on them or not.
 *
 * @param options `port`: only sockets of this port.
 */
export function findSockets(options: SearchOptions & { port?: number } = {}): FoundSocket[] {
  const { directories = searchDirectories(), uid = Deno.uid() ?? 0, port } = options;
  const found = new Map<string, FoundSocket>();
  for (const directory of directories) {
    for (const name of entries(directory.path)) {
      const parsed = parseName(name);
      if (parsed === undefined || (port !== undefined && parsed.at.port !== port)) continue;
      const path = `${directory.path}/${name}`;
      try {
        const owner = checkSocket(directory, path, uid);
        const { dev, ino, mtime } = Deno.lstatSync(path);
        // Two paths may lead to the same directory.
        found.set(`${dev}:${ino}`, { ...parsed, path, uid: owner, since: mtime?.getTime() });
      } catch { /* it was removed, or must not be used */ }
    }
  }
  return [...found.values()];
}

function parseName(name: string): { at: Endpoint; old: boolean } | undefined {
  const [, port, address, old] = /^balance\.(\d{1,5})\.([\d.]+|[\da-f:.]*:[\da-f:.]*?)(\.old-\d+)?$/
    .exec(name) ?? [];
  if (port === undefined || address === undefined) return undefined;
  return { at: { address, port: Number(port) }, old: old !== undefined };
}

/** A connection to a control socket. */
export interface ControlConnection {
  readonly conn: Deno.UnixConn;
  readonly path: string;
  /** The socket is another user's, so the greeting must be checked: it may have been replaced. */
  readonly foreign: boolean;
  /** Its directory is one that any user could create. */
  readonly ofUser: boolean;
}

/**
 * Connects to each control socket of an address in turn, in the order of the search.
 *
 * The socket must belong to this user or root; root may use any user's, if its directory is as
 * `checkSocket` requires. After a socket that must not be used, the search continues: the right
 * one may be in the next directory. The caller owns the connections.
 *
 * @param at The address that balance listens on.
 * @throws {ExitError} At the end, if there are only sockets that this user must not use (77).
 */
export async function* connectControl(
  at: Endpoint,
  options: SearchOptions = {},
): AsyncGenerator<ControlConnection> {
  const { directories = searchDirectories(), uid: me = Deno.uid() ?? 0 } = options;
  let refused: ExitError | undefined, connected = false;
  for (const directory of directories) {
    const path = `${directory.path}/${socketName(at)}`;
    let conn: Deno.UnixConn, owner: number;
    try {
      owner = checkSocket(directory, path, me);
      conn = await connect(path);
    } catch (error) {
      if (isUnserved(error)) continue;
      refused ??= new ExitError(
        withName(`can't control [${path}]: ${systemReason(error)}`),
        error instanceof Deno.errors.WouldBlock ? EXIT.unavailable : EXIT.noPermission,
      );
      continue;
    }
    connected = true;
    yield {
      conn,
      path,
      foreign: owner !== me && owner !== 0,
      ofUser: directory.owner !== undefined,
    };
  }
  if (refused !== undefined && !connected) throw refused;
}

/**
 * Connects to a control socket. While the queue of its listener is full, connecting fails at once;
 * then it waits, 10 seconds at most.
 */
export async function connect(path: string): Promise<Deno.UnixConn> {
  const deadline = performance.now() + FULL_QUEUE_MS;
  for (;;) {
    try {
      return await Deno.connect({ transport: "unix", path });
    } catch (error) {
      const isFull = error instanceof Deno.errors.WouldBlock;
      if (!isFull || performance.now() > deadline) throw error;
      await delay(FULL_QUEUE_POLL_MS);
    }
  }
}
