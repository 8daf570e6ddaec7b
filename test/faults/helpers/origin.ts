import { writeAll } from "../../../lib/base/bytes.ts";

/** A server that the proxies connect to. */
export interface Origin extends AsyncDisposable {
  readonly port: number;
  /** As an argument of balance. */
  readonly address: string;
  readonly accepted: number;
  readonly open: number;
}

/**
 * Listens on 127.0.0.1 and runs a handler per connection. Unlike `backend()` of the helpers it
 * tolerates connections that are reset before accept, and handlers that fail.
 *
 * @param handler The connection is closed when it settles.
 * @param port Default: any free one.
 */
export function origin(handler: (conn: Deno.TcpConn) => Promise<void>, port = 0): Origin {
  const listener = Deno.listen({ hostname: "127.0.0.1", port, tcpBacklog: 4096 });
  const bound = listener.addr.port;
  const running = new Set<Promise<void>>();
  const conns = new Set<Deno.TcpConn>();
  let accepted = 0;

  async function accept(): Promise<void> {
    for (;;) {
      try {
        const conn = await listener.accept();
        accepted++;
        conns.add(conn);
        const done = handler(conn).catch(() => {}).finally(() => {
          running.delete(done);
          conns.delete(conn);
          conn[Symbol.dispose]();
        });
        running.add(done);
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return;
      }
    }
  }

  const accepting = accept();
  return {
    port: bound,
    address: `127.0.0.1:${bound}`,
    get accepted() {
      return accepted;
    },
    get open() {
      return running.size;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const conn of conns) conn[Symbol.dispose]();
      await Promise.all(running);
    },
  };
}

/** An origin that echoes its input and counts the bytes. */
export interface EchoOrigin extends Origin {
  /** Bytes received so far. */
  readonly received: number;
}

/** Starts an echo server. */
export function echoOrigin(port = 0): EchoOrigin {
  let received = 0;
  const base = origin(async (conn) => {
    conn.setNoDelay(true);
    const buffer = new Uint8Array(16384);
    for (;;) {
      const count = await conn.read(buffer);
      if (count === null) break;
      received += count;
      await writeAll(conn, buffer.subarray(0, count));
    }
    await conn.closeWrite();
  }, port);
  return Object.defineProperties(base, { received: { get: () => received } }) as EchoOrigin;
}
