/** Clients that wait for a channel, and a backend that knows in which order they come. */

import { writeAll } from "../../../lib/base/bytes.ts";
import type { ConnectionInfo } from "../../../lib/base/connection_info.ts";
import { type Backend, backend, copy, type ListenOptions } from "../net/backends.ts";
import { type End, readLine } from "../net/client.ts";
import { command, controlSession } from "../net/control_socket.ts";

/** A backend that reads the name of each client, answers `served`, and then echoes. */
export interface ServingBackend extends Backend {
  /** The names of its clients so far, in order. */
  readonly served: readonly number[];
}

/** Starts a {@linkcode ServingBackend}. */
export function servingBackend(options: ListenOptions = {}): ServingBackend {
  const served: number[] = [];
  const server = backend(async (conn) => {
    const name = Number(await readLine(conn));
    if (Number.isNaN(name)) return;
    served.push(name);
    await writeAll(conn, new TextEncoder().encode("served\n"));
    await copy(conn, conn);
  }, options);
  return Object.defineProperties(server, { served: { value: served } }) as ServingBackend;
}

/** A client that has sent its name: its port. */
export interface NamedClient extends Disposable {
  readonly port: number;
  /** The answer: `served`, or how its connection ended. */
  answer(): Promise<string | End>;
  close(): void;
}

/** Connects a client. */
export async function namedClient(port: number): Promise<NamedClient> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  let isOpen = true;
  function close(): void {
    if (isOpen) conn.close();
    isOpen = false;
  }
  try {
    await writeAll(conn, new TextEncoder().encode(`${conn.localAddr.port}\n`));
  } catch (error) {
    close();
    throw error;
  }
  return {
    port: conn.localAddr.port,
    answer: () => readLine(conn),
    close,
    [Symbol.dispose]: close,
  };
}

/** The open connections of a balance. */
export async function connectionsOf(socket: string): Promise<ConnectionInfo[]> {
  using session = await controlSession(socket);
  return JSON.parse(await command(session, "conns --json"));
}

/** How many connections wait. */
export async function waitingAt(socket: string): Promise<number> {
  return (await connectionsOf(socket)).filter(({ state }) => state === "waiting").length;
}
