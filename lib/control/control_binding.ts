/** Binding the control socket of this process, and giving it its public name. */

import { delay } from "@std/async/delay";
import type { Endpoint } from "../base/endpoint.ts";
import { EXIT, ExitError, systemReason, withName } from "../base/errors.ts";
import {
  prepareDirectory,
  runDirectories,
  type RunDirectory,
  RunDirectoryError,
} from "../system/run_directory.ts";
import { bindUnix, fileId, MAX_SOCKET_PATH, removeIfThere } from "../system/unix_socket.ts";
import { oldSocketName, socketName } from "./control_socket.ts";
import { greetingAt } from "./framed_session.ts";

/** Only the socket's owner and root may control balance. */
const SOCKET_MODE = 0o600;

/** Milliseconds that a predecessor may take to start its shutdown, and to answer. */
export const PREDECESSOR_MS = 1000;
const PREDECESSOR_POLL_MS = 50;

/** Milliseconds that the program of another socket without a public name may take to answer. */
const ABANDONED_MS = 100;
/** The sockets of successors that have no public name yet, and of balances that drain. */
const PRIVATE = /^\.control\.\d+\.\d+$/, OF_KILLED = /^balance\..*\.old-\d+$/;

/** What was at the path before. */
export type Former = "nothing" | "a stale socket" | "a balance that drains" | "a predecessor";

/** Options of {@link bindControl}. */
export interface BindOptions {
  /** Directories to try; default: {@link runDirectories}. */
  readonly directories?: readonly RunDirectory[];
  /**
   * The process ID of a balance whose path is taken over later. Until then the socket has no public
   * name.
   */
  readonly predecessor?: number | undefined;
}

/** A socket that is bound and has a name. */
export interface Bound {
  readonly listener: Deno.UnixListener;
  readonly directory: string;
  readonly id: string;
  readonly former: Former;
  /** Its only name, as long as a predecessor has the public one. */
  readonly privatePath?: string;
}

/**
 * Binds a socket in the first run directory that can be used, and gives it its public name.
 *
 * @throws {ExitError} If there is none (exit code 73).
 */
export async function bindControl(at: Endpoint, options: BindOptions): Promise<Bound> {
  const reasons: string[] = [];
  for (const directory of options.directories ?? runDirectories()) {
    try {
      prepareDirectory(directory);
      return await openIn(directory.path, at, options);
    } catch (error) {
      const reason = error instanceof RunDirectoryError
        ? error.reason
        : `can't create [${directory.path}/${socketName(at)}]: ${systemReason(error)}`;
      if (directory.explicit) throw new ExitError(withName(reason), EXIT.canNotCreate);
      reasons.push(reason);
    }
  }
  throw new ExitError(withName(`no control socket: ${reasons.join("; ")}`), EXIT.canNotCreate);
}

let bound = 0;

async function openIn(
  directory: string,
  at: Endpoint,
  { predecessor }: BindOptions,
): Promise<Bound> {
  const path = `${directory}/${socketName(at)}`;
  if (new TextEncoder().encode(path).length > MAX_SOCKET_PATH) {
    throw new Error(`a socket's path may have at most ${MAX_SOCKET_PATH} bytes`);
  }
  const privatePath = `${directory}/.control.${Deno.pid}.${bound++}`;
  // A process with the same process ID may have been killed and left it.
  removeIfThere(privatePath);
  await removeAbandoned(directory, OF_KILLED);
  if (predecessor !== undefined) await removeAbandoned(directory, PRIVATE);
  const listener = bindUnix(privatePath, SOCKET_MODE);
  let isPrivate = predecessor !== undefined;
  try {
    const id = fileId(privatePath)!;
    if (isPrivate) return { listener, directory, id, former: "a predecessor", privatePath };
    const former = await publish(privatePath, path, at);
    return { listener, directory, id, former };
  } catch (error) {
    isPrivate = false;
    listener.close();
    throw error;
  } finally {
    if (!isPrivate) removeIfThere(privatePath);
  }
}

/** Removes sockets that killed programs have left. @param names Which ones. */
async function removeAbandoned(directory: string, names: RegExp): Promise<void> {
  for (const { name } of Deno.readDirSync(directory)) {
    const path = `${directory}/${name}`;
    if (!names.test(name) || lstatIfThere(path)?.isSocket !== true) continue;
    if (await greetingAt(path, ABANDONED_MS) === "none") removeIfThere(path);
  }
}

/** Gives a bound socket its public name. */
async function publish(from: string, path: string, at: Endpoint): Promise<Former> {
  const deadline = performance.now() + PREDECESSOR_MS;
  let former: Former = "nothing";
  for (;;) {
    if (nameSocket(from, path)) return former;
    const next = await clearPath(path, at).catch((error) => {
      // It was removed at the same moment.
      if (error instanceof Deno.errors.NotFound) return "nothing" as const;
      throw error;
    });
    if (next !== undefined) former = next;
    else if (performance.now() > deadline) throw new Error("another balance answers on it");
    else await delay(PREDECESSOR_POLL_MS);
  }
}

/** Renames a socket unless the new path exists, whatever it is. */
function nameSocket(from: string, to: string): boolean {
  try {
    Deno.linkSync(from, to);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists || fileId(to) !== undefined) return false;
    // A file system without hard links.
    Deno.renameSync(from, to);
  }
  return true;
}

/**
 * Removes or renames the socket at a path, if it is stale or a predecessor's.
 *
 * @returns What it was; `undefined` if it is in use.
 */
async function clearPath(path: string, at: Endpoint): Promise<Former | undefined> {
  const info = lstatIfThere(path), id = fileId(path);
  if (info === undefined) return "nothing";
  if (!info.isSocket) throw new Error("it exists and is not a socket");
  const there = await greetingAt(path, PREDECESSOR_MS);
  if (fileId(path) !== id) return "nothing";
  if (there === "none") {
    Deno.removeSync(path);
    return "a stale socket";
  }
  if (typeof there === "string" || there.stopping !== true || !Number.isInteger(there.pid)) {
    return undefined;
  }
  if (info.uid !== 0 && info.uid !== Deno.uid()) {
    throw new Error(`a balance of user ${info.uid} answers on it`);
  }
  const old = path.replace(/[^/]+$/, oldSocketName(at, there.pid));
  Deno.renameSync(path, old);
  // A connection makes the predecessor notice that it has a successor.
  await greetingAt(old, PREDECESSOR_MS);
  return "a balance that drains";
}

function lstatIfThere(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch {
    return undefined;
  }
}
