import { delay } from "@std/async/delay";
import { joinBytes, writeAll } from "../base/bytes.ts";
import { VERSION } from "../base/version.ts";
import { settlesWithin } from "../base/within.ts";
import {
  type Command,
  type ControlContext,
  message,
  type Reply,
  runLine,
  type Session,
} from "./commands/command.ts";
import { COMMANDS } from "./commands/commands.ts";
import { type Client, type ClientLimits, Clients } from "./clients.ts";
import type { HandoverHost } from "./handover_host.ts";
import { type Peekable, peekable } from "./peekable.ts";
import { whenClientLeaves, withErrors } from "./progress.ts";
import {
  HELLO,
  type Hello,
  LINE_TOO_LONG,
  PROGRESS,
  PROTOCOL,
  readLines,
  type ReplyHead,
  TAKEOVER,
  TAKEOVER_VERSION,
  UNREAD_TIMEOUT_MS,
} from "./protocol.ts";

const encoder = new TextEncoder();

/** Milliseconds to wait after a failed accept, for example without a free file descriptor. */
const ACCEPT_RETRY_MS = 100;

/** Length of the parts of a long text, in bytes. */
const PART_BYTES = 1 << 20;

/** Milliseconds that the last answers may take when the server closes. */
const LAST_ANSWER_MS = 1000;

/** How answers are sent: only their text; with a head; with a head before each part. */
type Form = "plain" | "framed" | "parts";

/** What a control server needs. */
interface ServerOptions extends ClientLimits {
  readonly context: ControlContext;
  /** @default {COMMANDS} */
  readonly commands?: readonly Command[];
  /** Serves successors; without it, there is no takeover. */
  readonly handover?: HandoverHost | undefined;
  /** Milliseconds after which a client that does not read is closed; default in protocol.ts. */
  readonly unreadTimeoutMs?: number;
}

/** What the server listens on. */
type Listener = Pick<Deno.UnixListener, "close"> & { accept(): Promise<Deno.Conn> };

/**
 * Serves control clients on a socket, each with its own session.
 *
 * It reads the next command of a client after the client has received the last answer, so a client
 * that never reads costs the memory of one answer. The limits are in protocol.ts.
 */
export class ControlServer {
  readonly #listener: Listener;
  readonly #options: ServerOptions;
  readonly #sessions = new Set<Promise<void>>();
  readonly #clients: Clients;
  readonly #accepting: Promise<void>;
  readonly #closing = new AbortController();
  #stopped = false;

  /** @param listener Owned by the server from now on. */
  constructor(listener: Listener, options: ServerOptions) {
    this.#listener = listener;
    this.#options = options;
    this.#clients = new Clients(options);
    this.#accepting = this.#accept();
  }

  /** Number of connected clients. */
  get clients(): number {
    return this.#clients.count;
  }

  /** Stops listening; sessions continue. The socket is removed when this resolves. */
  stop(): Promise<void> {
    if (!this.#stopped) this.#listener.close();
    this.#stopped = true;
    return this.#accepting;
  }

  /** Stops listening and ends all sessions. Answers that are ready within a second are sent. */
  async close(): Promise<void> {
    void this.stop();
    this.#closing.abort();
    this.#clients.closeAll({ idle: true });
    // A command may wait for a DNS server that does not answer.
    await settlesWithin(Promise.allSettled(this.#sessions), LAST_ANSWER_MS);
    this.#clients.closeAll({ idle: false });
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    while (!this.#stopped) {
      try {
        const conn = await this.#listener.accept();
        const client = await this.#clients.add(conn);
        // One at a time, so that at most one descriptor is used without being taken.
        if (client === undefined) await this.#refuse(conn).catch(() => {});
        else this.#start(client);
      } catch (error) {
        if (this.#stopped || error instanceof Deno.errors.BadResource) return;
        await delay(ACCEPT_RETRY_MS);
      }
    }
  }

  async #refuse(conn: Deno.Conn): Promise<void> {
    try {
      await this.#send(conn, `too many control clients: ${this.clients} are connected\n`);
    } finally {
      conn.close();
    }
  }

  #start(client: Client): void {
    const session = this.#serve(client).catch(() => {})
      .finally(() => this.#sessions.delete(session));
    this.#sessions.add(session);
  }

  async #serve(client: Client): Promise<void> {
    try {
      if (this.#closing.signal.aborted) return;
      await this.#runSession(client);
    } finally {
      client.close();
    }
  }

  async #runSession(client: Client): Promise<void> {
    const lines = peekable(readLines(client.conn)), { handover } = this.#options;
    let session: Session = { group: 0 }, form: Form = "plain", first = true;
    for (let next = await lines.next(); !next.done; next = await lines.next()) {
      const line = next.value;
      // The client sees that the session is over, and sends the line again.
      if (client.closed) return;
      client.busy();
      if (first && line !== undefined && isHello(line)) {
        form = "framed";
        await this.#send(client, `${JSON.stringify(this.#hello())}\n`);
      } else if (form !== "plain" && line === PROGRESS) {
        form = "parts";
      } else if (form !== "plain" && line === TAKEOVER && handover !== undefined) {
        return await handover.serve({ lines, send: (text) => this.#sendLong(client, text) });
      } else {
        const { group } = session;
        const reply = await this.#wholeReply(await this.#answer(line, session), {
          client,
          lines,
          form,
          group,
        });
        session = reply.session ?? session;
        const over = line === undefined ? "limit" : reply.effect;
        const isPlain = form === "plain";
        await this.#send(client, isPlain ? reply.text : withHead(reply, session.group, { over }));
        if (over !== undefined) return;
      }
      first = false;
      client.idle();
      if (this.#closing.signal.aborted) return;
    }
  }

  /**
   * Waits for the end of a reply, and sends the parts before it, unless the client takes only whole
   * answers.
   *
   * @returns What is still to be sent.
   */
  async #wholeReply(
    { progress, ...reply }: Reply,
    { client, lines, form, group }: {
      client: Client;
      lines: Peekable<unknown>;
      form: Form;
      group: number;
    },
  ): Promise<Reply> {
    if (progress === undefined) return reply;
    const leaving = new AbortController(), leave = () => leaving.abort();
    const isOver = AbortSignal.any([leaving.signal, this.#closing.signal]);
    whenClientLeaves({ conn: client.conn, lines, halfClosed: form === "plain", isOver }, leave);
    const parts = withErrors(progress)(isOver);
    let text = "";
    try {
      for (let part: IteratorResult<string, Reply> = { value: reply.text };;) {
        if (part.done) return { ...part.value, text: text + part.value.text };
        if (form === "framed") text += part.value;
        else if (form === "plain") await this.#send(client, part.value);
        else await this.#send(client, withHead({ text: part.value }, group, { more: true }));
        client.waiting(leave);
        part = await parts.next();
        client.busy();
      }
    } finally {
      leave();
      await parts.return(reply);
    }
  }

  #hello(): Hello {
    const { context: { lifecycle: { stopping, open }, listener }, handover } = this.#options;
    return {
      version: VERSION,
      pid: Deno.pid,
      protocol: PROTOCOL,
      progress: true,
      uptimeMs: Math.round(performance.now()),
      ...handover && { takeover: TAKEOVER_VERSION },
      stopping,
      ...handover?.isCommitted && { succeeded: true },
      open,
      ...listener,
    };
  }

  /** Sends all of it, or throws if the client does not receive it in time. */
  async #send(to: Pick<Client, "write">, text: string | Uint8Array): Promise<void> {
    const bytes = typeof text === "string" ? encoder.encode(text) : text;
    if (bytes.length === 0) return;
    const { unreadTimeoutMs = UNREAD_TIMEOUT_MS } = this.#options;
    if (!await settlesWithin(writeAll(to, bytes), unreadTimeoutMs)) {
      throw new Error("the client does not read its answer");
    }
  }

  /** Sends a text that may be long, with the time limit for each part of it. */
  async #sendLong(to: Pick<Client, "write">, text: string): Promise<void> {
    const bytes = encoder.encode(text);
    for (let at = 0; at < bytes.length; at += PART_BYTES) {
      await this.#send(to, bytes.subarray(at, at + PART_BYTES));
    }
  }

  async #answer(line: string | undefined, session: Session): Promise<Reply> {
    if (line === undefined) return { ...message(LINE_TOO_LONG), failed: true };
    const { commands = COMMANDS, context } = this.#options;
    return await runLine(commands, line, { context, session });
  }
}

function withHead(
  reply: Reply,
  group: number,
  rest: Pick<ReplyHead, "over" | "more">,
): Uint8Array {
  const text = encoder.encode(reply.text);
  const head: ReplyHead = { bytes: text.length, group, failed: reply.failed ?? false, ...rest };
  return joinBytes([encoder.encode(`${JSON.stringify(head)}\n`), text]);
}

function isHello(line: string): boolean {
  return line.trimEnd() === HELLO || line.startsWith(`${HELLO} `);
}
