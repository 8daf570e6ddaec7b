/** The control socket of a running balance: `balance.PORT.ADDR` in the run directory. */

import type { Endpoint } from "../base/endpoint.ts";
import { codeOf, EXIT, ExitError, systemReason, withName } from "../base/errors.ts";
import {
  prepareDirectory,
  runDirectories,
  type RunDirectory,
  RunDirectoryError,
} from "../system/run_directory.ts";
import { bindUnix, removeIfThere } from "../system/unix_socket.ts";

/** Only the socket's owner and root may control balance. */
const SOCKET_MODE = 0o600;

/** Name of the socket: port and numeric address of the listener. */
export function socketName(at: Endpoint): string {
  return `balance.${at.port}.${at.address}`;
}

/**
 * Opens the control socket. Replaces a stale socket, that is one on which no process listens, and
 * nothing else.
 *
 * @param at The address that balance already listens on, so that no second balance gets here.
 * @param options `directories` to try; default: {@link runDirectories}.
 * @returns The listener, whose file is removed when it is closed, its path, and whether it
 * replaced a stale socket.
 * @throws {ExitError} If no run directory can be used, with the reasons (exit code 73).
 */
export async function listenControl(
  at: Endpoint,
  options: { directories?: readonly RunDirectory[] } = {},
): Promise<{ listener: Deno.UnixListener; path: string; replaced: boolean }> {
  const reasons: string[] = [];
  for (const directory of options.directories ?? runDirectories()) {
    const path = `${directory.path}/${socketName(at)}`;
    try {
      prepareDirectory(directory);
      return { ...await listenUnix(path), path };
    } catch (error) {
      const reason = error instanceof RunDirectoryError
        ? error.reason
        : `can't create [${path}]: ${systemReason(error)}`;
      if (directory.explicit) throw new ExitError(withName(reason), EXIT.canNotCreate);
      reasons.push(reason);
    }
  }
  throw new ExitError(withName(`no control socket: ${reasons.join("; ")}`), EXIT.canNotCreate);
}

async function listenUnix(
  path: string,
): Promise<{ listener: Deno.UnixListener; replaced: boolean }> {
  try {
    return { listener: bindUnix(path, SOCKET_MODE), replaced: false };
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
  }
  if (!Deno.lstatSync(path).isSocket) throw new Error("it exists and is not a socket");
  if (!await isStale(path)) throw new Error("another balance answers on it");
  removeIfThere(path);
  return { listener: bindUnix(path, SOCKET_MODE), replaced: true };
}

/** Whether no process listens on a socket. */
async function isStale(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return false;
  } catch (error) {
    if (isUnserved(error)) return true;
    throw error;
  }
}

/** Whether connecting failed because there is no socket or no process listens on it. */
function isUnserved(error: unknown): boolean {
  const { ConnectionRefused, ConnectionReset, NotFound } = Deno.errors;
  return [ConnectionRefused, ConnectionReset, NotFound].some((kind) => error instanceof kind) ||
    ["ENOENT", "ENOTDIR"].includes(codeOf(error) ?? "");
}

/**
 * Connects to the control socket of a running balance.
 *
 * The socket must belong to this user or root; root may use any user's. A default directory must
 * belong to this user or root. After a socket that must not be used, the search continues: the
 * right one may be in the next directory.
 *
 * @param at The address that balance listens on.
 * @param options `directories` to try; default: {@link runDirectories}. `uid`: the user ID of the
 * client; default: that of this process.
 * @returns The connection; `undefined` if no balance is running there.
 * @throws {ExitError} If there are only sockets that this user must not use (exit code 77).
 */
export async function connectControl(
  at: Endpoint,
  options: { directories?: readonly RunDirectory[]; uid?: number } = {},
): Promise<Deno.UnixConn | undefined> {
  const me = options.uid ?? Deno.uid();
  let refused: ExitError | undefined;
  for (const directory of options.directories ?? runDirectories()) {
    const path = `${directory.path}/${socketName(at)}`;
    try {
      // Any user can create `/tmp/balance-0`, so a default directory must be root's or our own.
      const owner = directory.explicit ? me : Deno.lstatSync(directory.path).uid;
      if (owner !== 0 && owner !== me) throw new Error(`its directory belongs to user ${owner}`);
      const { uid } = Deno.lstatSync(path);
      if (me !== 0 && uid !== 0 && uid !== me) throw new Error(`it belongs to user ${uid}`);
      return await Deno.connect({ transport: "unix", path });
    } catch (error) {
      if (isUnserved(error)) continue;
      refused ??= new ExitError(
        withName(`can't control [${path}]: ${systemReason(error)}`),
        EXIT.noPermission,
      );
    }
  }
  if (refused !== undefined) throw refused;
  return undefined;
}
