/** The control socket of this process: creating it, keeping it, handing it over. */

import type { Endpoint } from "../base/endpoint.ts";
import { systemReason, withName } from "../base/errors.ts";
import { fileId, removeIfThere } from "../system/unix_socket.ts";
import {
  bindControl,
  type BindOptions,
  type Bound,
  type Former,
  PREDECESSOR_MS,
} from "./control_binding.ts";
import { oldSocketName, socketName } from "./control_socket.ts";
import { greetingAt } from "./framed_session.ts";

/** Milliseconds between two checks whether the socket is still there. */
const WATCH_MS = 1000;

/** Options of {@link listenControl}. */
export interface ListenOptions extends BindOptions {
  /** Prints a line for the operator: the socket was created again, or cannot be. */
  readonly notice?: (line: string) => void;
  /** Called once, when a successor has taken the path. */
  readonly succeeded?: () => void;
  /** Milliseconds between two checks of the socket. */
  readonly watchMs?: number;
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
  return new ControlListener(at, await bindControl(at, options), options);
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

  /**
   * Takes over the path of the predecessor, whose socket is renamed. There is a socket at the path
   * all the time.
   */
  async succeed(): Promise<void> {
    const { privatePath, directory, ...rest } = this.#bound, pid = this.#options.predecessor;
    if (privatePath === undefined || pid === undefined) return;
    const path = `${directory}/${socketName(this.#at)}`;
    const old = `${directory}/${oldSocketName(this.#at, pid)}`;
    try {
      Deno.linkSync(path, old);
    } catch { /* it is in another directory, or the file system has no hard links */ }
    Deno.renameSync(privatePath, path);
    this.#bound = { directory, ...rest };
    // A connection makes the predecessor notice.
    await greetingAt(old, PREDECESSOR_MS);
  }

  /** Takes the path back from a successor that has died. */
  async reclaim(): Promise<void> {
    if (!this.#succeeded || this.#closed) return;
    this.#succeeded = false;
    removeIfThere(`${this.#bound.directory}/${this.#oldName}`);
    await this.#check();
  }

  /** Stops listening and removes the socket, but no other file. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#watch);
    this.#release(this.#bound);
  }

  #release({ listener, directory, id, privatePath }: Bound): void {
    if (privatePath !== undefined) removeIfThere(privatePath);
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
    const { directory, id, privatePath } = this.#bound;
    if (privatePath !== undefined) return;
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
      next = await bindControl(this.#at, { ...this.#options, predecessor: undefined });
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
