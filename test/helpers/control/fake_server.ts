import type { Endpoint } from "../../../lib/base/endpoint.ts";
import { writeAll } from "../../../lib/base/bytes.ts";
import { readLines } from "../../../lib/control/protocol.ts";
import { socketPath } from "../net/control_socket.ts";

/** A control server that is not of this release. */
export interface FakeServer extends AsyncDisposable {
  readonly hello: Record<string, unknown> | undefined;
  /** The commands that it was asked. */
  readonly asked: readonly string[];
}

/**
 * Starts a control server in this process.
 *
 * @param hello Its greeting; without one, it never answers.
 * @param answers What it answers to a command, nothing to others; or what it answers to all.
 * @param options `countedBytes`: the length that answers claim to have; by default, the true one.
 */
export function fakeServer(
  rundir: string,
  at: Endpoint,
  hello?: FakeServer["hello"],
  answers: Readonly<Record<string, string>> | string = {},
  { countedBytes }: { countedBytes?: number } = {},
): FakeServer {
  const path = socketPath(rundir, at.port, at.address);
  const listener = Deno.listen({ transport: "unix", path });
  const conns = new Set<Deno.Conn>(), sessions = new Set<Promise<void>>();
  const asked: string[] = [];
  const send = (conn: Deno.Conn, text: string) => writeAll(conn, new TextEncoder().encode(text));

  async function serve(conn: Deno.Conn): Promise<void> {
    conns.add(conn);
    try {
      for await (const line of readLines(conn)) {
        if (hello === undefined) continue;
        if (line === ".hello") {
          await send(conn, `${JSON.stringify(hello)}\n`);
          continue;
        }
        asked.push(line ?? "");
        const text = typeof answers === "string" ? answers : answers[line ?? ""] ?? "";
        const head = { bytes: countedBytes ?? text.length, group: 0, failed: false, later: 1 };
        await send(conn, `${JSON.stringify(head)}\n${text}`);
      }
    } catch { /* the client is gone */ }
    conns.delete(conn);
    conn[Symbol.dispose]();
  }

  async function accept(): Promise<void> {
    try {
      for (;;) sessions.add(serve(await listener.accept()));
    } catch { /* closed */ }
  }
  const accepting = accept();
  return {
    hello,
    asked,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const conn of conns) conn[Symbol.dispose]();
      await Promise.all(sessions);
    },
  };
}
