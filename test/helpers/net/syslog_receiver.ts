import { until } from "../t.ts";
import { tempDir } from "../temp_dir.ts";

/** A socket in place of /dev/log. */
export interface SyslogReceiver extends AsyncDisposable {
  /** Path of the socket, for BALANCE_SYSLOG or NOTIFY_SOCKET. */
  readonly path: string;
  /** Messages so far. */
  readonly messages: readonly string[];
  /** Waits until at least this many have arrived. */
  waitFor(count: number): Promise<readonly string[]>;
}

/**
 * Receives datagrams on a new socket.
 *
 * @param options `paused`: receives nothing before `resume()`.
 */
export function syslogReceiver({ paused = false } = {}): SyslogReceiver & { resume(): void } {
  const dir = tempDir();
  const path = `${dir.path}/log`;
  const socket = Deno.listenDatagram({ transport: "unixpacket", path });
  const messages: string[] = [];
  const resumed = Promise.withResolvers<void>();
  if (!paused) resumed.resolve();
  async function receive(): Promise<void> {
    await resumed.promise;
    for (;;) {
      try {
        const [bytes] = await socket.receive(new Uint8Array(65536));
        messages.push(new TextDecoder().decode(bytes));
      } catch (error) {
        const closed = error instanceof Deno.errors.BadResource ||
          error instanceof Deno.errors.Interrupted;
        if (closed) return;
        throw error;
      }
    }
  }
  const receiving = receive();
  return {
    path,
    messages,
    waitFor: (count) => waitForMessages(messages, count),
    resume: () => resumed.resolve(),
    async [Symbol.asyncDispose]() {
      resumed.resolve();
      socket.close();
      await receiving;
      dir[Symbol.dispose]();
    },
  };
}

/**
 * Receives messages on a stream socket, as syslog-ng does with `unix-stream()`: each ends with NUL.
 *
 * @param path Where to listen. @default {a new path}
 */
export function syslogStreamReceiver(path?: string): SyslogReceiver {
  const dir = path === undefined ? tempDir() : undefined;
  const at = path ?? `${dir?.path}/log`;
  const listener = Deno.listen({ transport: "unix", path: at });
  const conns: Deno.UnixConn[] = [];
  const messages: string[] = [];

  async function receive(conn: Deno.UnixConn): Promise<void> {
    const decoder = new TextDecoder();
    const bytes = new Uint8Array(65536);
    let rest = "";
    for (;;) {
      const count = await conn.read(bytes).catch(() => null);
      if (count === null) return;
      const pieces = (rest + decoder.decode(bytes.subarray(0, count), { stream: true })).split(
        "\0",
      );
      rest = pieces.pop() ?? "";
      messages.push(...pieces);
    }
  }
  async function accept(): Promise<void> {
    const receiving: Promise<void>[] = [];
    for (;;) {
      const conn = await listener.accept().catch(() => undefined);
      if (conn === undefined) break;
      conns.push(conn);
      receiving.push(receive(conn));
    }
    await Promise.all(receiving);
  }
  const accepting = accept();
  return {
    path: at,
    messages,
    waitFor: (count) => waitForMessages(messages, count),
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const conn of conns) conn.close();
      await accepting;
      dir?.[Symbol.dispose]();
    },
  };
}

async function waitForMessages(
  messages: readonly string[],
  count: number,
): Promise<readonly string[]> {
  await until(() => messages.length >= count, {
    what: () => `${count} messages instead of ${JSON.stringify(messages)}`,
  });
  return messages;
}
