/**
 * A backend driven by the test, which accepts its connections one by one.
 *
 * @module
 */
import { createServer, type Socket } from "node:net";
import { writeAll } from "../../../lib/base/bytes.ts";
import { toBytes } from "../bytes.ts";
import { until, within } from "../t.ts";
import { rawListener, type RawSocket } from "./raw_sockets.ts";

/** The accepted end of a connection. */
export interface Peer {
  /** Address of the peer. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  /** As `Deno.Conn.read()`. */
  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /** Writes all bytes, or the text in UTF-8. */
  send(data: Uint8Array<ArrayBuffer> | string): Promise<void>;
  /** Ends the writing side. */
  closeWrite(): Promise<void>;
  /** Closes both sides. Harmless when repeated. */
  close(): void;
  /** Ends it with RST. @throws {Error} Unless accepted with `viaNode` or `viaCalls`. */
  reset(): void;
}

/** A listener whose connections the test accepts. */
export interface Accepting extends AsyncDisposable {
  readonly port: number;
  /** As an argument of balance. */
  readonly address: string;
  /** Waits for the next connection, at most 5 s. It is closed with the listener if still open. */
  accept(): Promise<Peer>;
}

/**
 * Listens on 127.0.0.1.
 *
 * @param options `viaNode`: uses sockets of node:net, which can be reset (needs `canReset`).
 * `viaCalls`: uses system calls (needs `hasRawSockets`). `close()` of a socket with unread input then
 * sends RST only, while Deno sends FIN first: either may be noticed.
 */
export async function accepting(
  options: { viaNode?: boolean; viaCalls?: boolean } = {},
): Promise<Accepting> {
  if (options.viaCalls) return acceptingByCalls();
  return options.viaNode ? await acceptingNode() : acceptingDeno();
}

const WAIT = { timeoutMs: 5000, what: "a connection to the backend" };

function acceptingDeno(): Accepting {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const conns: Deno.TcpConn[] = [];
  return {
    port,
    address: `127.0.0.1:${port}`,
    async accept() {
      const conn = await within(listener.accept(), WAIT);
      conns.push(conn);
      return {
        remoteAddress: conn.remoteAddr.hostname,
        remotePort: conn.remoteAddr.port,
        localPort: port,
        read: (buffer) => conn.read(buffer),
        send: (data) => writeAll(conn, toBytes(data)),
        closeWrite: () => conn.closeWrite(),
        close: () => conn[Symbol.dispose](),
        reset() {
          throw new Error("Cannot reset: not accepted with viaNode or viaCalls");
        },
      };
    },
    [Symbol.asyncDispose]() {
      for (const conn of conns) conn[Symbol.dispose]();
      listener.close();
      return Promise.resolve();
    },
  };
}

async function acceptingNode(): Promise<Accepting> {
  const arrived: Socket[] = [];
  const sockets: Socket[] = [];
  let wake: (() => void) | undefined;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on("error", () => {});
    sockets.push(socket);
    arrived.push(socket);
    wake?.();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };

  async function next(): Promise<Socket> {
    for (;;) {
      const socket = arrived.shift();
      if (socket !== undefined) return socket;
      await new Promise<void>((resolve) => wake = resolve);
    }
  }

  return {
    port,
    address: `127.0.0.1:${port}`,
    async accept() {
      return nodePeer(await within(next(), WAIT));
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function nodePeer(socket: Socket): Peer {
  const chunks = socket.iterator({ destroyOnReturn: false });
  return {
    remoteAddress: socket.remoteAddress ?? "",
    remotePort: socket.remotePort ?? 0,
    localPort: socket.localPort ?? 0,
    async read(buffer) {
      const { done, value } = await chunks.next();
      if (done) return null;
      if (value.length > buffer.length) {
        throw new RangeError("Cannot read: the buffer is too small");
      }
      buffer.set(value);
      return value.length;
    },
    send: (data) =>
      new Promise((resolve, reject) => {
        socket.write(toBytes(data), (error) => error ? reject(error) : resolve());
      }),
    closeWrite: () => new Promise((resolve) => socket.end(() => resolve())),
    close: () => void socket.destroy(),
    reset: () => void socket.resetAndDestroy(),
  };
}

function acceptingByCalls(): Accepting {
  const listener = rawListener(), { port } = listener;
  const sockets: RawSocket[] = [];
  return {
    port,
    address: `127.0.0.1:${port}`,
    async accept() {
      const socket = await until(() => listener.accept(), WAIT);
      sockets.push(socket);
      return rawPeer(socket, port);
    },
    [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.close();
      listener[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

function rawPeer(socket: RawSocket, localPort: number): Peer {
  return {
    remoteAddress: "127.0.0.1",
    remotePort: socket.remotePort,
    localPort,
    async read(buffer) {
      const seen = await until(() => socket.receive(buffer), { what: "input of a backend" });
      if (seen === "reset") throw new Deno.errors.ConnectionReset("reset by balance");
      return seen === "end" ? null : seen;
    },
    async send(data) {
      for (let rest = toBytes(data); rest.length > 0;) {
        const sent = await until(() => socket.send(rest), { what: "output of a backend" });
        if (sent === "reset") throw new Deno.errors.ConnectionReset("reset by balance");
        rest = rest.subarray(sent);
      }
    },
    closeWrite: () => Promise.resolve(socket.closeWrite()),
    close: () => socket.close(),
    reset: () => socket.reset(),
  };
}
