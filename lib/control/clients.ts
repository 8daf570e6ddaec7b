import { delay } from "@std/async/delay";
import { longestIdle } from "../base/longest_idle.ts";
import { settlesWithin } from "../base/within.ts";
import { newBudget, type Share } from "../system/capacity.ts";
import {
  IDLE_TIMEOUT_MS,
  MAX_CLIENTS,
  MIN_IDLE_MS,
  SILENT_TIMEOUT_MS,
  UNREAD_REPLACE_MS,
} from "./protocol.ts";

/** Milliseconds between two searches for a client that does not read. */
const UNREAD_POLL_MS = 20;
/** Share of `minIdleMs` that even a few clients get. */
const MIN_IDLE_SHARE = 0.1;
/**
 * Answers never wait for a client to read them if they fit into the buffer of a Unix socket, which
 * has at least 200 KiB. A write of n bytes takes at most 1024 + 2 n of them.
 */
const BUFFER_BYTES = 128 << 10, WRITE_BYTES = 1024;

/** Limits of control clients; the defaults are in protocol.ts. */
export interface ClientLimits {
  /** Each client takes one. */
  readonly descriptors?: Pick<Share, "take" | "release">;
  readonly silentTimeoutMs?: number;
  readonly idleTimeoutMs?: number;
  readonly minIdleMs?: number;
}

/** A connected client. */
export interface Client {
  readonly conn: Deno.Conn;
  /** Whether it was closed; a line that arrives later is ignored. */
  readonly closed: boolean;
  /** The server has started to process a line of it. */
  busy(): void;
  /** Sends a part of the answer and returns how many bytes of it. */
  write(bytes: Uint8Array): Promise<number>;
  /**
   * The answer takes time, and the client has read what there is of it so far. Lasts until `busy()`
   * or `idle()`.
   *
   * @param onClosed Called if it is closed meanwhile.
   */
  waiting(onClosed: () => void): void;
  /** The server has answered that line. */
  idle(): void;
  /** Closes the connection. Idempotent. */
  close(): void;
}

/**
 * The connected clients. A client that sends nothing is closed after a timeout. If no descriptor is
 * left for another one, it replaces one of them: first those that have not read their answer for a
 * second, then those that never sent a line, then those that have been idle longest, and only if
 * there are none, the one that has been waiting longest for the end of its answer. So neither
 * forgotten sessions nor a flood of clients that send or read nothing can lock out `kill`.
 */
export class Clients {
  readonly #limits: Required<ClientLimits>;
  readonly #open = new Set<ConnectedClient>();
  /** Clients that are closed, but whose descriptors are not free yet. */
  #closing = 0;
  /** Writes that may wait for a client to read. */
  #waiting = 0;

  constructor(limits: ClientLimits = {}) {
    this.#limits = {
      descriptors: limits.descriptors ?? newBudget(MAX_CLIENTS).share("clients", { min: 0 }),
      silentTimeoutMs: limits.silentTimeoutMs ?? SILENT_TIMEOUT_MS,
      idleTimeoutMs: limits.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
      minIdleMs: limits.minIdleMs ?? MIN_IDLE_MS,
    };
  }

  /** How many have a descriptor. */
  get count(): number {
    return this.#open.size + this.#closing;
  }

  /**
   * Adds a client that has just connected. It may have to replace another one, which has a little
   * time first: one that has just connected, too, can send its line even while others connect.
   *
   * @returns `undefined` if there are too many, and commands of all of them are running.
   */
  async add(conn: Deno.Conn): Promise<Client | undefined> {
    if (!await this.#makeRoom()) return undefined;
    const client = new ConnectedClient(conn, this.#limits, {
      closed: () => void this.#closed(client),
      wait: (writing) => this.#wait(writing),
    });
    this.#open.add(client);
    return client;
  }

  /**
   * Starts a write that may have to wait for a client to read.
   *
   * @throws {Error} If it would be the last client that can be replaced: Deno 2.6 cannot cancel it.
   */
  async #wait(write: () => Promise<number>): Promise<number> {
    const { descriptors } = this.#limits;
    if (this.count - this.#waiting < 2) {
      if (!descriptors.take()) throw new Error("too many clients do not read their answers");
      descriptors.release();
    }
    this.#waiting++;
    try {
      return await write();
    } finally {
      this.#waiting--;
    }
  }

  /** Keeps the descriptor of a client taken until it is free. */
  async #closed(client: ConnectedClient): Promise<void> {
    this.#open.delete(client);
    this.#closing++;
    await client.released;
    this.#closing--;
    this.#limits.descriptors.release();
  }

  /** Takes a descriptor. */
  async #makeRoom(): Promise<boolean> {
    const { descriptors } = this.#limits;
    // With fewer clients, each gets less time, so that a flood delays a new client no longer than
    // with MAX_CLIENTS.
    const minIdleMs = this.#limits.minIdleMs * Math.max(this.count / MAX_CLIENTS, MIN_IDLE_SHARE);
    const deadline = performance.now() + 2 * UNREAD_REPLACE_MS;
    while (!descriptors.take()) {
      const now = performance.now();
      const unread = this.#unreadLongest(), idle = longestIdle(this.#open);
      if (unread !== undefined && now - unread.sendingSince >= UNREAD_REPLACE_MS) {
        unread.close();
        // Usually at once, but with Deno 2.6 only when the client reads or leaves.
        await settlesWithin(unread.released, UNREAD_POLL_MS);
      } else if (idle !== undefined) {
        const { idleSince } = idle;
        // At least one turn of the event loop: after a pause of the process, its line may be there.
        await delay(Math.max(1, idleSince + minIdleMs - now));
        if (idle.idleSince !== idleSince) continue;
        idle.close();
        await idle.released;
      } else if (unread !== undefined && now <= deadline) await delay(UNREAD_POLL_MS);
      else {
        const waiting = this.#waitingLongest();
        if (waiting === undefined) return false;
        waiting.close();
        await waiting.released;
      }
    }
    return true;
  }

  #waitingLongest(): ConnectedClient | undefined {
    let found: ConnectedClient | undefined;
    for (const client of this.#open) {
      if (client.waitingSince < (found?.waitingSince ?? Infinity)) found = client;
    }
    return found;
  }

  #unreadLongest(): ConnectedClient | undefined {
    let found: ConnectedClient | undefined;
    for (const client of this.#open) {
      if (client.sendingSince < (found?.sendingSince ?? Infinity)) found = client;
    }
    return found;
  }

  /** Closes all clients, or only the idle ones. */
  closeAll({ idle }: { idle: boolean }): void {
    for (const client of this.#open) if (!idle || client.idleSince < Infinity) client.close();
  }
}

/** What a client needs from the others. */
interface ClientEvents {
  /** It is closed. */
  readonly closed: () => void;
  /** Starts a write that may wait. */
  readonly wait: (write: () => Promise<number>) => Promise<number>;
}

class ConnectedClient implements Client {
  readonly #limits: Required<ClientLimits>;
  readonly #events: ClientEvents;
  readonly #released = Promise.withResolvers<void>();
  #writing: Promise<unknown> | undefined;
  /** Buffer that is needed if it reads nothing. */
  #buffered = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Since when it has been idle, as `performance.now()`; `Infinity` while it is answered. */
  idleSince = 0;
  /** Since when it has not read any of its answer; `Infinity` if no answer is being sent. */
  sendingSince = Infinity;
  /** Since when it has been waiting for the end of an answer; `Infinity` if it is not. */
  waitingSince = Infinity;
  #onClosed = () => {};
  /** It has not sent any line. */
  silent = true;
  closed = false;

  constructor(readonly conn: Deno.Conn, limits: Required<ClientLimits>, events: ClientEvents) {
    this.#limits = limits;
    this.#events = events;
    this.idle();
  }

  busy(): void {
    clearTimeout(this.#timer);
    this.silent = false;
    this.idleSince = Infinity;
    this.#waitingOver();
  }

  waiting(onClosed: () => void): void {
    this.sendingSince = Infinity;
    this.waitingSince = Math.min(this.waitingSince, performance.now());
    this.#onClosed = onClosed;
    if (this.closed) onClosed();
  }

  #waitingOver(): void {
    this.waitingSince = Infinity;
    this.#onClosed = () => {};
  }

  /** Resolves when it is closed and its descriptor is free. */
  get released(): Promise<void> {
    return this.#released.promise;
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.sendingSince = performance.now();
    this.#buffered += WRITE_BYTES + 2 * bytes.length;
    const write = () => this.conn.write(bytes);
    const writing = this.#buffered > BUFFER_BYTES ? this.#events.wait(write) : write();
    this.#writing = writing.catch(() => {});
    return await writing;
  }

  idle(): void {
    this.sendingSince = Infinity;
    this.#waitingOver();
    if (this.closed) return;
    const { silentTimeoutMs, idleTimeoutMs } = this.#limits;
    this.idleSince = performance.now();
    this.#timer = setTimeout(() => this.close(), this.silent ? silentTimeoutMs : idleTimeoutMs);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.#timer);
    this.#events.closed();
    this.#onClosed();
    try {
      this.conn.close();
    } catch { /* already closed */ }
    // In Deno 2.6, a pending write keeps the descriptor open.
    void Promise.resolve(this.#writing).then(() => this.#released.resolve());
  }
}
