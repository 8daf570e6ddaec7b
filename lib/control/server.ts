import { joinBytes } from "../base/bytes.ts";
import { VERSION } from "../base/version.ts";
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
/** Milliseconds to wait when a client cannot be accepted for lack of descriptors. */
const PAUSE_MS = 100;
const READ_BYTES = 4096;

/** Milliseconds that an answer under way may take to reach its client at the end. */
const LAST_ANSWER_MS = 1000;

/** A running control server. */
export interface ControlServer {
  /**
   * Stops listening; sessions go on. Resolves when the socket's file is gone, so that it cannot
   * take along that of a successor.
   */
  stop(): Promise<void>;
  /** Stops listening and ends every session; one that is being answered gets its answer. */
  close(): Promise<void>;
}

/**
 * Serves control clients on a socket, each with a session of its own.
 *
 * A client is read only after its last answer was taken, so one that never reads costs one
 * answer of memory; limits are in protocol.ts.
 *
 * @param listener The socket; owned from now on.
 * @param options What commands work on; `kill` carries that command out and resolves when new
 * connections are refused; `unreadTimeoutMs` replaces the limit of protocol.ts.
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
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
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

  /** Writes all; a client that does not take it in time is closed. */
  async function send(conn: Deno.Conn, text: string | Uint8Array): Promise<void> {
    const bytes = typeof text === "string" ? encoder.encode(text) : text;
    if (bytes.length === 0) return;
    const timer = setTimeout(() => close(conn), unreadTimeoutMs);
    try {
      for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
    } finally {
      clearTimeout(timer);
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
      // A command may wait for a resolver that does not answer; we do not.
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, LAST_ANSWER_MS);
      await Promise.race([Promise.allSettled(sessions), late.promise]);
      clearTimeout(timer);
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
  } catch { /* closed already */ }
}
