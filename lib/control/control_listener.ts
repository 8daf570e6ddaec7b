/** The control socket of this process: creating it, keeping it, handing it over. */

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

/** Milliseconds between two checks whether the socket is still there. */
const WATCH_MS = 1000;

/** Milliseconds that a predecessor may take to start its shutdown, and to answer. */
const PREDECESSOR_MS = 1000;
const PREDECESSOR_POLL_MS = 50;

/** What was at the path before. */
export type Former = "nothing" | "a stale socket" | "a balance that drains";

/** Options of {@link listenControl}. */
export interface ListenOptions {
  /** Directories to try; default: {@link runDirectories}. */
  readonly directories?: readonly RunDirectory[];
  /** Prints a line for the operator: the socket was created again, or cannot be. */
  readonly notice?: (line: string) => void;
  /** Called once, when a successor has taken the path. */
  readonly succeeded?: () => void;
  /** Milliseconds between two checks of the socket. */
  readonly watchMs?: number;
}

/** A socket that is bound and has a name. */
interface Bound {
  readonly listener: Deno.UnixListener;
  readonly directory: string;
  readonly id: string;
  readonly former: Former;
}

/**
 * Opens the control socket.
 *
 * It is bound at a private name and then linked to the public one, so that nothing is ever replaced
 * by accident: neither the socket of a running balance nor a file that is not a socket. A stale
 * socket, on which no process listens, is replaced. That of a predecessor that drains is renamed;
 * one that does not drain yet gets a second to do so.
 *
 * @param at The address that balance already listens on, so that no second balance gets here.
 * @throws {ExitError} If no run directory can be used, with the reasons (exit code 73).
 */
export async function listenControl(
  at: Endpoint,
  options: ListenOptions = {},
): Promise<ControlListener> {
  return new ControlListener(at, await open(at, options), options);
}

async function open(at: Endpoint, options: ListenOptions): Promise<Bound> {
  const reasons: string[] = [];
  for (const directory of options.directories ?? runDirectories()) {
    try {
      prepareDirectory(directory);
      return await openIn(directory.path, at);
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

async function openIn(directory: string, at: Endpoint): Promise<Bound> {
  const path = `${directory}/${socketName(at)}`;
  if (new TextEncoder().encode(path).length > MAX_SOCKET_PATH) {
    throw new Error(`a socket's path may have at most ${MAX_SOCKET_PATH} bytes`);
  }
  const privatePath = `${directory}/.control.${Deno.pid}.${bound++}`;
  // A process with the same process ID may have been killed and left it.
  removeIfThere(privatePath);
  const listener = bindUnix(privatePath, SOCKET_MODE);
  try {
    const id = fileId(privatePath)!;
    const former = await publish(privatePath, path, at);
    return { listener, directory, id, former };
  } catch (error) {
    listener.close();
    throw error;
  } finally {
    removeIfThere(privatePath);
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

/**
 * The listening control socket. It is created again, in its directory or the next one that can be
 * used, if it was removed: by a cleaner of `/tmp`, or with its directory.
 */
export class ControlListener {
  readonly #at: Endpoint;
  readonly #options: ListenOptions;
  readonly #watch: ReturnType<typeof setInterval>;
  #bound: Bound;
  #closed = false;
  #checking = false;
  #succeeded = false;
  /** The last failure to create it again, which is reported once. */
  #failure = "";

  /** @param bound Owned by the listener from now on. */
  constructor(at: Endpoint, bound: Bound, options: ListenOptions) {
    this.#at = at;
    this.#bound = bound;
    this.#options = options;
    this.#watch = setInterval(() => void this.#check(), options.watchMs ?? WATCH_MS);
    Deno.unrefTimer(this.#watch);
  }

  /** Its path. */
  get path(): string {
    const { directory } = this.#bound;
    return `${directory}/${this.#succeeded ? this.#oldName : socketName(this.#at)}`;
  }

  /** What was at the path before. */
  get former(): Former {
    return this.#bound.former;
  }

  /**
   * Waits for the next client.
   *
   * @throws {Error} `Deno.errors.BadResource` if it is closed, another one without a free file
   * descriptor.
   */
  async accept(): Promise<Deno.Conn> {
    for (;;) {
      const { listener } = this.#bound;
      try {
        const conn = await listener.accept();
        // A client that connects may be the successor.
        if (fileId(this.path) !== this.#bound.id) void this.#check();
        return conn;
      } catch (error) {
        if (this.#closed || listener === this.#bound.listener) throw error;
      }
    }
  }

  /** Stops listening and removes the socket, but no other file. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#watch);
    this.#release(this.#bound);
  }

  #release({ listener, directory, id }: Bound): void {
    for (const name of [socketName(this.#at), this.#oldName]) {
      if (fileId(`${directory}/${name}`) === id) removeIfThere(`${directory}/${name}`);
    }
    listener.close();
  }

  get #oldName(): string {
    return oldSocketName(this.#at, Deno.pid);
  }

  async #check(): Promise<void> {
    if (this.#checking || this.#closed) return;
    const { directory, id } = this.#bound;
    if (fileId(`${directory}/${socketName(this.#at)}`) === id) return;
    if (fileId(`${directory}/${this.#oldName}`) === id) return this.#handedOver();
    // A successor has the path; its predecessor is not needed there.
    if (this.#succeeded) return;
    this.#checking = true;
    try {
      await this.#openAgain();
    } finally {
      this.#checking = false;
    }
  }

  #handedOver(): void {
    if (this.#succeeded) return;
    this.#succeeded = true;
    this.#options.succeeded?.();
  }

  async #openAgain(): Promise<void> {
    const { notice } = this.#options;
    let next: Bound;
    try {
      next = await open(this.#at, this.#options);
    } catch (error) {
      const reason = systemReason(error).replace(/^balance: /, "");
      if (reason !== this.#failure) notice?.(withName(`the control socket was removed: ${reason}`));
      this.#failure = reason;
      return;
    }
    this.#failure = "";
    const former = this.#bound;
    if (this.#closed) return this.#release(next);
    this.#bound = next;
    former.listener.close();
    notice?.(withName(`the control socket was removed, created again as ${this.path}`));
  }
}
