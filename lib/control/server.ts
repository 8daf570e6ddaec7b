import { delay } from "@std/async/delay";
import { joinBytes, writeAll } from "../base/bytes.ts";
import { VERSION } from "../base/version.ts";
import { settlesWithin } from "../base/within.ts";
import { type ControlContext, refusal, type Reply, runLine, type Session } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import {
  HELLO,
  type Hello,
  lines,
  MAX_CLIENTS,
  MAX_LINE_BYTES,
  type ReplyHead,
  UNREAD_TIMEOUT_MS,
} from "./protocol.ts";

const encoder = new TextEncoder();
/** Milliseconds to wait after a failed accept, for example without a free file descriptor. */
const ACCEPT_RETRY_MS = 100;
const READ_BYTES = 4096;

/** Milliseconds that the last answers may take when the server closes. */
const LAST_ANSWER_MS = 1000;

/** A running control server. */
export interface ControlServer {
  /**
   * Stops listening; sessions continue. Resolves after the socket file is removed, so that it
   * cannot remove the file of the next balance.
   */
  stop(): Promise<void>;
  /** Stops listening and ends all sessions. Answers that are due in a second are sent. */
  close(): Promise<void>;
}

/**
 * Serves control clients on a socket, each with its own session.
 *
 * The next command of a client is read after it has received the last answer, so a client that
 * never reads costs the memory of one answer. The limits are in protocol.ts.
 *
 * @param listener The socket, which the server owns from now on.
 * @param options `context`: what commands work on; `kill`: runs that command and resolves when new
 * connections are refused; `unreadTimeoutMs`: default in protocol.ts.
 */
export function serveControl(
  listener: Deno.UnixListener,
  options: { context: ControlContext; kill: () => Promise<void>; unreadTimeoutMs?: number },
): ControlServer {
  const { unreadTimeoutMs = UNREAD_TIMEOUT_MS } = options;
  const sessions = new Set<Promise<void>>();
  const open = new Set<Deno.Conn>();
  const answering = new Set<Deno.Conn>();
  let stopped = false, closing = false;

  async function accept(): Promise<void> {
    while (!stopped) {
      try {
        const conn = await listener.accept();
        const running = serveClient(conn).catch(() => {}).finally(() => sessions.delete(running));
        sessions.add(running);
      } catch (error) {
        if (stopped || error instanceof Deno.errors.BadResource) return;
        await delay(ACCEPT_RETRY_MS);
      }
    }
  }

  async function serveClient(conn: Deno.Conn): Promise<void> {
    open.add(conn);
    try {
      if (open.size > MAX_CLIENTS) {
        await send(conn, `too many control clients, the limit is ${MAX_CLIENTS}\n`);
      } else await session(conn);
    } finally {
      open.delete(conn);
      answering.delete(conn);
      close(conn);
    }
  }

  async function session(conn: Deno.Conn): Promise<void> {
    let now: Session = { group: 0 }, framed = false, first = true;
    for await (const line of lines(chunksOf(conn), MAX_LINE_BYTES)) {
      answering.add(conn);
      if (first && line === HELLO) {
        framed = true;
        const hello: Hello = { version: VERSION, pid: Deno.pid };
        await send(conn, `${JSON.stringify(hello)}\n`);
      } else {
        const reply = await answer(line, now);
        now = reply.session ?? now;
        const over = line === undefined ? "limit" : reply.effect;
        await send(conn, framed ? withHead(reply, { group: now.group, over }) : reply.text);
        if (over !== undefined) return;
      }
      first = false;
      answering.delete(conn);
      if (closing) return;
    }
  }

  /** Sends all of it, or throws if the client does not receive it in time. */
  async function send(conn: Deno.Conn, text: string | Uint8Array): Promise<void> {
    const bytes = typeof text === "string" ? encoder.encode(text) : text;
    if (bytes.length === 0) return;
    if (!await settlesWithin(writeAll(conn, bytes), unreadTimeoutMs)) {
      throw new Error("the client does not read its answer");
    }
  }

  async function answer(line: string | undefined, now: Session): Promise<Reply> {
    if (line === undefined) {
      return refusal(`line too long, the limit is ${MAX_LINE_BYTES} bytes`);
    }
    const reply = await runLine(COMMANDS, line, { context: options.context, session: now });
    if (reply.effect === "stop") await options.kill();
    return reply;
  }

  const accepting = accept();
  function stop(): Promise<void> {
    if (!stopped) listener.close();
    stopped = true;
    return accepting;
  }
  return {
    stop,
    async close() {
      void stop();
      closing = true;
      for (const conn of open) if (!answering.has(conn)) close(conn);
      // A command may wait for a DNS server that does not answer.
      await settlesWithin(Promise.allSettled(sessions), LAST_ANSWER_MS);
      open.forEach(close);
      await accepting;
    },
  };
}

async function* chunksOf(conn: Deno.Conn): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(READ_BYTES);
  for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
    yield buffer.subarray(0, n);
  }
}

function withHead(
  reply: Reply,
  { group, over }: { group: number; over: ReplyHead["over"] | undefined },
): Uint8Array {
  const text = encoder.encode(reply.text);
  const head: ReplyHead = {
    bytes: text.length,
    group,
    failed: reply.failed ?? false,
    ...(over === undefined ? {} : { over }),
  };
  return joinBytes([encoder.encode(`${JSON.stringify(head)}\n`), text]);
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch { /* already closed */ }
}
