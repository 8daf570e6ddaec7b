import { writeAll } from "../../../lib/base/bytes.ts";
import { connectUnix, socketPath } from "../net/control_socket.ts";
import { runDirectory } from "../run_directory.ts";

/** A run directory in which a successor finds another balance, through a proxy. */
export interface SessionProxy extends AsyncDisposable {
  readonly rundir: string;
  /** Lets everything through that was held back. */
  release(): void;
}

/**
 * Listens as the control socket of a balance, and relays to the real one.
 *
 * @param target The path of the real one.
 * @param holds From the first line of a client for which this is true, its lines are held back.
 */
export function sessionProxy(
  { port, target }: { port: number; target: string },
  holds: (line: string) => boolean,
): SessionProxy {
  const directory = runDirectory(), released = Promise.withResolvers<void>();
  const path = socketPath(directory.path, port);
  const listener = Deno.listen({ transport: "unix", path });
  const open = new Set<Deno.Conn>(), running: Promise<void>[] = [];

  async function relay(client: Deno.Conn): Promise<void> {
    const server = await connectUnix(target);
    open.add(client).add(server);
    await Promise.all([
      copy(client, server, holds),
      copy(server, client, () => false),
    ]);
    for (const one of [client, server]) close(one);
  }

  async function copy(
    from: Deno.Conn,
    to: Deno.Conn,
    holds: (line: string) => boolean,
  ): Promise<void> {
    const buffer = new Uint8Array(1 << 16);
    try {
      for (let n = await from.read(buffer); n !== null; n = await from.read(buffer)) {
        const bytes = buffer.slice(0, n);
        if (new TextDecoder().decode(bytes).split("\n").some(holds)) await released.promise;
        await writeAll(to, bytes);
      }
    } catch { /* closed */ }
    close(to);
  }

  function close(conn: Deno.Conn): void {
    try {
      conn.close();
    } catch { /* closed already */ }
  }

  const accepting = (async () => {
    for await (const conn of listener) running.push(relay(conn).catch(() => close(conn)));
  })();
  return {
    rundir: directory.path,
    release: released.resolve,
    async [Symbol.asyncDispose]() {
      released.resolve();
      listener.close();
      for (const conn of open) close(conn);
      await accepting;
      await Promise.all(running);
      directory[Symbol.dispose]();
    },
  };
}
