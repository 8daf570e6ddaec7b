import { delay } from "@std/async/delay";
import {
  IDLE_TIMEOUT_MS,
  MAX_CLIENTS,
  MIN_IDLE_MS,
  SILENT_TIMEOUT_MS,
  UNREAD_REPLACE_MS,
} from "./protocol.ts";

/** Milliseconds between two searches for a client that does not read. */
const UNREAD_POLL_MS = 20;

/** Limits of control clients; the defaults are in protocol.ts. */
export interface ClientLimits {
  readonly clients?: number;
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
  /** The server has answered that line. */
  idle(): void;
  /** Closes the connection. Idempotent. */
  close(): void;
}

/**
 * The connected clients. A client that sends nothing is closed after a timeout. If there are too
 * many, a new one replaces one of them: first those that have not read their answer for a second,
 * then those that never sent a line, then those that have been idle longest. So neither forgotten
 * sessions nor a flood of clients that send or read nothing can lock out `kill`.
 */
export class Clients {
  readonly #limits: Required<ClientLimits>;
  readonly #open = new Set<ConnectedClient>();

  constructor(limits: ClientLimits = {}) {
    this.#limits = {
      clients: limits.clients ?? MAX_CLIENTS,
      silentTimeoutMs: limits.silentTimeoutMs ?? SILENT_TIMEOUT_MS,
      idleTimeoutMs: limits.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
      minIdleMs: limits.minIdleMs ?? MIN_IDLE_MS,
    };
  }

  /** How many are connected. */
  get count(): number {
    return this.#open.size;
  }

  /** Adds a client, which has not sent anything yet. */
  add(conn: Deno.Conn): Client {
    const client = new ConnectedClient(conn, this.#limits, () => this.#open.delete(client));
    this.#open.add(client);
    return client;
  }

  /**
   * Makes room for another client. The client to be replaced has a little time first: one that has
   * just connected can send its line even while others keep connecting.
   *
   * @returns Whether there is room; there is none if commands of all clients are running.
   */
  async makeRoom(): Promise<boolean> {
    const { clients, minIdleMs } = this.#limits;
    const deadline = performance.now() + 2 * UNREAD_REPLACE_MS;
    while (this.#open.size >= clients) {
      const now = performance.now();
      const unread = this.#unreadLongest(), idle = this.#nextToReplace();
      if (unread !== undefined && now - unread.sendingSince >= UNREAD_REPLACE_MS) {
        unread.close();
      } else if (idle !== undefined) {
        const { idleSince } = idle;
        // At least one turn of the event loop: after a pause of the process, its line may be there.
        await delay(Math.max(1, idleSince + minIdleMs - now));
        if (idle.idleSince === idleSince) idle.close();
      } else if (unread === undefined || now > deadline) return false;
      else await delay(UNREAD_POLL_MS);
    }
    return true;
  }

  #nextToReplace(): ConnectedClient | undefined {
    let found: ConnectedClient | undefined;
    for (const client of this.#open) {
      if (client.idleSince === Infinity) continue;
      if (
        found === undefined || (client.silent && !found.silent) ||
        (client.silent === found.silent && client.idleSince < found.idleSince)
      ) found = client;
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

class ConnectedClient implements Client {
  readonly #limits: Required<ClientLimits>;
  readonly #onClose: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Since when it has been idle, as `performance.now()`; `Infinity` while it is answered. */
  idleSince = 0;
  /** Since when it has not read any of its answer; `Infinity` if no answer is being sent. */
  sendingSince = Infinity;
  /** It has not sent any line. */
  silent = true;
  closed = false;

  constructor(readonly conn: Deno.Conn, limits: Required<ClientLimits>, onClose: () => void) {
    this.#limits = limits;
    this.#onClose = onClose;
    this.idle();
  }

  busy(): void {
    clearTimeout(this.#timer);
    this.silent = false;
    this.idleSince = Infinity;
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.sendingSince = performance.now();
    return await this.conn.write(bytes);
  }

  idle(): void {
    this.sendingSince = Infinity;
    if (this.closed) return;
    const { silentTimeoutMs, idleTimeoutMs } = this.#limits;
    this.idleSince = performance.now();
    this.#timer = setTimeout(() => this.close(), this.silent ? silentTimeoutMs : idleTimeoutMs);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.#timer);
    this.#onClose();
    try {
      this.conn.close();
    } catch { /* already closed */ }
  }
}
