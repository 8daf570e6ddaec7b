/**
 * Backends of all kinds in the test process, on loopback. Each is stopped at the end of its scope,
 * with all its connections, so that no sanitizer reports a leak.
 *
 * @module
 */
import { createServer, Socket } from "node:net";
import { writeAll } from "../../../lib/base/bytes.ts";
import { until, within } from "../t.ts";
import { deadPort, freePort } from "./ports.ts";
import { dialing } from "./tcp_sockets.ts";

/** Enough for as many clients at once as a test starts. */
const BACKLOG = 4096;

/** A listening backend. */
export interface Backend extends AsyncDisposable {
  readonly port: number;
  /** As an argument of balance: `HOST:PORT`, an IPv6 host in brackets. */
  readonly address: string;
  /** How many connections it has accepted so far. */
  readonly accepted: number;
  /** How many of them are still open. */
  readonly open: number;
  /** Source addresses of the accepted connections in order, without ports. */
  readonly peers: readonly string[];
  /** Stops listening, closes all connections and waits for their handlers. May be repeated. */
  stop(): Promise<void>;
}

/** Where a backend listens. */
export interface ListenOptions {
  /** @default {"127.0.0.1"} */
  hostname?: string;
  /**
   * @default {one of `freePort()`, so that after `stop()` it refuses: no other test listens on it,
   * and it is no port of an outgoing connection}
   */
  port?: number;
}

/** Handles a connection, which is closed when the promise settles. */
export type Handler = (conn: Deno.TcpConn, index: number) => Promise<void>;

/**
 * Starts a backend.
 *
 * @param handler A network error that it throws ends only that connection. Any other error is
 * rethrown by `stop()`, so that assertions in it count.
 */
export function backend(handler: Handler, options: ListenOptions = {}): Backend {
  const listener = listen(options);
  const { hostname, port } = listener.addr;
  const peers: string[] = [];
  const conns = new Set<Deno.TcpConn>();
  const running = new Set<Promise<void>>();
  const errors: unknown[] = [];

  async function handle(conn: Deno.TcpConn, index: number): Promise<void> {
    try {
      await handler(conn, index);
    } catch (error) {
      if (!isNetworkError(error)) errors.push(error);
    } finally {
      conns.delete(conn);
      conn[Symbol.dispose]();
    }
  }

  async function accept(): Promise<void> {
    for (;;) {
      let conn: Deno.TcpConn;
      try {
        conn = await listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return;
        // It was reset before its addresses were known.
        if (isGone(error)) continue;
        throw error;
      }
      conns.add(conn);
      const done = handle(conn, peers.push(conn.remoteAddr.hostname) - 1);
      running.add(done);
      done.finally(() => running.delete(done));
    }
  }

  const accepting = accept();
  let stopped = false;
  async function stop(): Promise<void> {
    if (!stopped) {
      stopped = true;
      listener.close();
      await accepting;
      // The kernel may complete connections for a moment after close().
      await until(() => refuses(hostname, port), { what: `port ${port} to be closed` });
    }
    for (const conn of conns) conn[Symbol.dispose]();
    await Promise.all(running);
    if (errors.length > 0) throw errors[0];
  }

  return {
    port,
    address: addressText(hostname, port),
    get accepted() {
      return peers.length;
    },
    get open() {
      return conns.size;
    },
    peers,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function refuses(hostname: string, port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname, port })).close();
    return false;
  } catch {
    return true;
  }
}

function listen(options: ListenOptions): Deno.TcpListener {
  const { hostname = "127.0.0.1", port } = options;
  for (let attempt = 0;; attempt++) {
    try {
      return Deno.listen({ hostname, port: port ?? freePort(), tcpBacklog: BACKLOG });
    } catch (error) {
      const collision = port === undefined && error instanceof Deno.errors.AddrInUse;
      if (!collision || attempt >= 3) throw error;
    }
  }
}

/** Whether this machine has IPv6 on loopback. */
export const hasIpv6: boolean = listens("::1");

function listens(hostname: string): boolean {
  try {
    Deno.listen({ hostname, port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

/** Sends `NAME` and a newline at once, then echoes until the client half-closes. */
export function named(name: string, options: ListenOptions = {}): Backend {
  return backend(async (conn) => {
    await writeAll(conn, new TextEncoder().encode(`${name}\n`));
    await copy(conn, conn);
  }, options);
}

/** Backends as a list, stopped together. */
export interface Backends extends AsyncDisposable {
  readonly list: readonly Backend[];
  /** Their addresses as arguments of balance. */
  readonly addresses: readonly string[];
  /** @throws {RangeError} If it does not exist. */
  at(index: number): Backend;
}

/** Starts `count` backends named B0, B1, ... */
export function namedBackends(count: number): Backends {
  const list = Array.from({ length: count }, (_, index) => named(`B${index}`));
  return {
    list,
    addresses: list.map((one) => one.address),
    at(index) {
      const found = list[index];
      if (!found) throw new RangeError(`No backend ${index}: there are ${count}`);
      return found;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(list.map((one) => one.stop()));
    },
  };
}

/** Echoes, and half-closes when the client has half-closed. */
export function echo(options: ListenOptions = {}): Backend {
  return backend((conn) => copy(conn, conn), options);
}

/** Accepts and closes at once, without sending a byte. */
export function closing(options: ListenOptions = {}): Backend {
  return backend(() => Promise.resolve(), options);
}

/** A backend that reads nothing until `resume()`. */
export interface StalledReader extends Backend {
  /** Starts reading on all connections. */
  resume(): void;
  /** Number of bytes of each connection that has ended. */
  readonly totals: readonly number[];
}

/**
 * Accepts, sends `greeting`, and neither reads nor writes until `resume()`, so that all buffers on
 * the way fill up. Then it reads to the end and passes each chunk to `onChunk`.
 */
export function stalledReader(
  options: ListenOptions & { greeting?: string; onChunk?: (chunk: Uint8Array) => void } = {},
): StalledReader {
  const gate = Promise.withResolvers<void>();
  const totals: number[] = [];
  const base = backend(async (conn) => {
    if (options.greeting) await writeAll(conn, new TextEncoder().encode(options.greeting));
    await gate.promise;
    const buffer = new Uint8Array(65536);
    let total = 0;
    for (;;) {
      const count = await conn.read(buffer);
      if (count === null) break;
      total += count;
      options.onChunk?.(buffer.subarray(0, count));
    }
    totals.push(total);
  }, options);
  async function stop(): Promise<void> {
    gate.resolve();
    await base.stop();
  }
  return {
    port: base.port,
    address: base.address,
    get accepted() {
      return base.accepted;
    },
    get open() {
      return base.open;
    },
    peers: base.peers,
    totals,
    resume: () => gate.resolve(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** An address at which nothing answers. */
export interface DeadEnd extends AsyncDisposable {
  readonly port: number;
  /** As an argument of balance. */
  readonly address: string;
}

/** A port without a listener: connects to it are refused at once. */
export function refusing(): DeadEnd {
  const port = deadPort();
  return { port, address: `127.0.0.1:${port}`, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/**
 * A listener that never accepts and whose queue is full, so that a connect to it gets no answer at
 * all, as if a firewall dropped its packets.
 *
 * @throws {Error} If connects are still answered after sixteen of them.
 */
export async function blackHole(): Promise<DeadEnd> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { hostname, port } = listener.addr;
  const held: Deno.TcpConn[] = [];
  const result: DeadEnd = {
    port,
    address: addressText(hostname, port),
    [Symbol.asyncDispose]() {
      for (const conn of held) conn.close();
      listener.close();
      return Promise.resolve();
    },
  };
  for (let i = 0; i < 16; i++) {
    const abort = new AbortController();
    let answered = false, unanswered = 0;
    const connecting = Deno.connect({ hostname, port, signal: abort.signal })
      .then((conn) => answered = held.push(conn) > 0, () => {});
    // Not by a timeout: a process that did not run for a while would take an answer for none. The
    // looks need not be consecutive: a table that changes while it is read may leave a socket out.
    await until(() => {
      if (dialing(port) > 0) unanswered++;
      return answered || unanswered >= 5;
    }, { everyMs: 10, timeoutMs: 30_000, what: "a connect to be answered or not" });
    if (answered) continue;
    abort.abort();
    await connecting;
    return result;
  }
  await result[Symbol.asyncDispose]();
  throw new Error("Cannot make a black hole: a listener with a backlog of 1 answers 16 connects");
}

/** Whether this runtime can end a connection with RST, which `Deno.Conn` never can. */
export const canReset: boolean = typeof Socket.prototype.resetAndDestroy === "function";

/**
 * Resets each connection at once, or after its first bytes.
 *
 * @param when With `"data"` it sends `greeting` first, if given.
 * @throws {Error} If this runtime cannot reset; see {@linkcode canReset}.
 */
export async function resetting(
  when: "connect" | "data",
  options: { greeting?: string } = {},
): Promise<Backend> {
  if (!canReset) throw new Error("Cannot reset connections with this version of Deno");
  const peers: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    peers.push(socket.remoteAddress ?? "");
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    if (when === "connect") {
      socket.resetAndDestroy();
      return;
    }
    socket.once("data", () => socket.resetAndDestroy());
    if (options.greeting) socket.write(options.greeting);
  });
  const port = freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  let stopped: Promise<void> | undefined;
  function stop(): Promise<void> {
    stopped ??= new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
    return within(stopped, { timeoutMs: 5000, what: "a resetting backend to end" });
  }
  return {
    port,
    address: `127.0.0.1:${port}`,
    get accepted() {
      return peers.length;
    },
    get open() {
      return sockets.size;
    },
    peers,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Waits until a backend has no open connection. */
export async function drained(one: Backend, timeoutMs = 5000): Promise<void> {
  await until(() => one.open === 0, {
    timeoutMs,
    what: () => `${one.open} connections of ${one.address} to end`,
  });
}

/** Copies until the end of input, then half-closes. */
export async function copy(
  from: Pick<Deno.Conn, "read">,
  to: Pick<Deno.Conn, "write" | "closeWrite">,
): Promise<void> {
  const buffer = new Uint8Array(65536);
  for (;;) {
    const count = await from.read(buffer);
    if (count === null) break;
    await writeAll(to, buffer.subarray(0, count));
  }
  await to.closeWrite();
}

function addressText(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted;
}

function isNetworkError(error: unknown): boolean {
  const kinds = [
    Deno.errors.BadResource,
    Deno.errors.BrokenPipe,
    Deno.errors.ConnectionAborted,
    Deno.errors.ConnectionReset,
    Deno.errors.Interrupted,
    Deno.errors.NotConnected,
  ];
  return kinds.some((kind) => error instanceof kind) ||
    // closeWrite() after a reset
    (error as { code?: string }).code === "ENOTCONN";
}
