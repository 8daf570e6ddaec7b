import { delay } from "@std/async/delay";
import { joinBytes, writeAll } from "../base/bytes.ts";
import { VERSION } from "../base/version.ts";
import { settlesWithin } from "../base/within.ts";
import {
  type ControlContext,
  message,
  type Reply,
  runLine,
  type Session,
} from "./commands/command.ts";
import { COMMANDS } from "./commands/commands.ts";
import {
  HELLO,
  type Hello,
  LINE_TOO_LONG,
  MAX_CLIENTS,
  readLines,
  type ReplyHead,
  UNREAD_TIMEOUT_MS,
} from "./protocol.ts";

const encoder = new TextEncoder();

/** Milliseconds to wait after a failed accept, for example without a free file descriptor. */
const ACCEPT_RETRY_MS = 100;

/** Milliseconds that the last answers may take when the server closes. */
const LAST_ANSWER_MS = 1000;

/** What a control server needs. */
interface ServerOptions {
  readonly context: ControlContext;
  /** Milliseconds after which a client that does not read is closed; default in protocol.ts. */
  readonly unreadTimeoutMs?: number;
}

/**
 * Serves control clients on a socket, each with its own session.
 *
 * It reads the next command of a client after the client has received the last answer, so a client
 * that never reads costs the memory of one answer. The limits are in protocol.ts.
 */
export class ControlServer {
  readonly #listener: Deno.UnixListener;
  readonly #options: ServerOptions;
  readonly #sessions = new Set<Promise<void>>();
  readonly #open = new Set<Deno.Conn>();
  readonly #answering = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;
  #stopped = false;
  #closing = false;

  /** @param listener Owned by the server from now on. */
  constructor(listener: Deno.UnixListener, options: ServerOptions) {
    this.#listener = listener;
    this.#options = options;
    this.#accepting = this.#accept();
  }

  /**
   * Stops listening; sessions continue. Resolves after the socket file is removed, so that it
   * cannot remove the file of the next balance.
   */
  stop(): Promise<void> {
    if (!this.#stopped) this.#listener.close();
    this.#stopped = true;
    return this.#accepting;
  }

  /** Stops listening and ends all sessions. Answers that are ready within a second are sent. */
  async close(): Promise<void> {
    void this.stop();
    this.#closing = true;
    for (const conn of this.#open) if (!this.#answering.has(conn)) close(conn);
    // A command may wait for a DNS server that does not answer.
    await settlesWithin(Promise.allSettled(this.#sessions), LAST_ANSWER_MS);
    for (const conn of this.#open) close(conn);
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    while (!this.#stopped) {
      try {
        const conn = await this.#listener.accept();
        const session = this.#serve(conn).catch(() => {})
          .finally(() => this.#sessions.delete(session));
        this.#sessions.add(session);
      } catch (error) {
        if (this.#stopped || error instanceof Deno.errors.BadResource) return;
        await delay(ACCEPT_RETRY_MS);
      }
    }
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    this.#open.add(conn);
    try {
      if (this.#open.size > MAX_CLIENTS) {
        await this.#send(conn, `too many control clients, the limit is ${MAX_CLIENTS}\n`);
      } else await this.#runSession(conn);
    } finally {
      this.#open.delete(conn);
      this.#answering.delete(conn);
      close(conn);
    }
  }

  async #runSession(conn: Deno.Conn): Promise<void> {
    let session: Session = { group: 0 }, framed = false, first = true;
    for await (const line of readLines(conn)) {
      this.#answering.add(conn);
      if (first && line === HELLO) {
        framed = true;
        const hello: Hello = { version: VERSION, pid: Deno.pid };
        await this.#send(conn, `${JSON.stringify(hello)}\n`);
      } else {
        const reply = await this.#answer(line, session);
        session = reply.session ?? session;
        const over = line === undefined ? "limit" : reply.effect;
        await this.#send(conn, framed ? withHead(reply, session.group, over) : reply.text);
        if (over !== undefined) return;
      }
      first = false;
      this.#answering.delete(conn);
      if (this.#closing) return;
    }
  }

  /** Sends all of it, or throws if the client does not receive it in time. */
  async #send(conn: Deno.Conn, text: string | Uint8Array): Promise<void> {
    const bytes = typeof text === "string" ? encoder.encode(text) : text;
    if (bytes.length === 0) return;
    const { unreadTimeoutMs = UNREAD_TIMEOUT_MS } = this.#options;
    if (!await settlesWithin(writeAll(conn, bytes), unreadTimeoutMs)) {
      throw new Error("the client does not read its answer");
    }
  }

  async #answer(line: string | undefined, session: Session): Promise<Reply> {
    if (line === undefined) return { ...message(LINE_TOO_LONG), failed: true };
    return await runLine(COMMANDS, line, { context: this.#options.context, session });
  }
}

function withHead(reply: Reply, group: number, over: ReplyHead["over"]): Uint8Array {
  const text = encoder.encode(reply.text);
  const head: ReplyHead = { bytes: text.length, group, failed: reply.failed ?? false, over };
  return joinBytes([encoder.encode(`${JSON.stringify(head)}\n`), text]);
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch { /* already closed */ }
}
