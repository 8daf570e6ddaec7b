/**
 * A backend in a process of its own, which can be killed and stopped.
 *
 * @module
 */
import { writeAll } from "../../../lib/base/bytes.ts";
import { freePort } from "../net/ports.ts";
import { listensOn } from "../net/tcp_sockets.ts";
import { until } from "../t.ts";

/** A running process, killed at the end of its scope. */
export interface BackendProcess extends AsyncDisposable {
  readonly port: number;
  /** As an argument of balance. */
  readonly address: string;
  /** Sends a signal, such as SIGSTOP, without waiting. */
  signal(signal: Deno.Signal): void;
  /** Sends SIGKILL and waits for the end. May be repeated. */
  kill(): Promise<void>;
}

/**
 * Starts a backend and waits until it listens. It sends its greeting at once, then reads until
 * the client has ended its data, and closes.
 *
 * @param options `port`: default a free one.
 */
export async function startBackend(
  greeting: string,
  options: { port?: number } = {},
): Promise<BackendProcess> {
  const { port = freePort() } = options;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-check", "--cached-only", "--allow-net", import.meta.url],
      `${port}`,
      greeting,
    ],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  let ended = false;
  void child.status.then(() => ended = true);
  async function kill(): Promise<void> {
    if (!ended) child.kill("SIGKILL");
    await child.status;
  }
  try {
    await until(() => listensOn(port, child.pid), { timeoutMs: 30_000, what: "a backend process" });
  } catch (error) {
    await kill();
    throw error;
  }
  return {
    port,
    address: `127.0.0.1:${port}`,
    signal: (signal) => child.kill(signal),
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

async function answer(conn: Deno.TcpConn, greeting: string): Promise<void> {
  using _conn = conn;
  try {
    await writeAll(conn, new TextEncoder().encode(greeting));
    const buffer = new Uint8Array(4096);
    while (await conn.read(buffer) !== null);
  } catch { /* the client has left */ }
}

if (import.meta.main) {
  const [port, greeting = ""] = Deno.args;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(port), tcpBacklog: 4096 });
  for (;;) {
    try {
      void answer(await listener.accept(), greeting);
    } catch { /* the client has reset the connection already */ }
  }
}
