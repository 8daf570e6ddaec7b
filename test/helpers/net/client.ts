/**
 * The client side: connections through balance, and which backend answered them.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { connect as nodeConnect, type Socket } from "node:net";
import { joinBytes, writeAll } from "../../../lib/base/bytes.ts";
import { toBytes } from "../bytes.ts";
import { until, within } from "../t.ts";

/** A connection to balance, closed at the end of its scope. */
export interface Client extends AsyncDisposable {
  /** Its own address, e.g. `127.0.0.1`. */
  readonly localAddress: string;
  /** As `Deno.Conn.read()`. @throws {Deno.errors.ConnectionReset} After a reset. */
  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /** Writes all bytes, or the text in UTF-8. */
  send(data: Uint8Array<ArrayBuffer> | string): Promise<void>;
  /** Ends the writing side. */
  closeWrite(): Promise<void>;
  /** Closes both sides. Harmless when repeated. */
  close(): Promise<void>;
  /** Ends it with RST. @throws {Error} Unless connected with `viaNode`. */
  reset(): Promise<void>;
}

/** Options of {@linkcode connect}. */
export interface ConnectOptions {
  /** @default {"127.0.0.1"} */
  hostname?: string;
  /** Source address; needs {@linkcode canBindSource}. */
  from?: string;
  /** Uses a socket of node:net, which can be reset. @default {true with `from`, else false} */
  viaNode?: boolean;
}

/** Opens a connection. @throws {Error} If it is refused or not answered in 5 s. */
export async function connect(port: number, options: ConnectOptions = {}): Promise<Client> {
  const { hostname = "127.0.0.1", from, viaNode = from !== undefined } = options;
  if (viaNode) return await connectNode({ port, hostname, from });
  const abort = new AbortController();
  const conn = await within(Deno.connect({ hostname, port, signal: abort.signal }), {
    timeoutMs: 5000,
    what: `a connect to port ${port}`,
    onTimeout: () => abort.abort(),
  }).catch((error) => {
    // Deno asks for the addresses after the connect; the connection may have been reset by then.
    const isReset = error instanceof Deno.errors.NotConnected;
    throw isReset ? new Deno.errors.ConnectionReset("Connection reset by peer") : error;
  });
  conn.setNoDelay(true);
  const close = (): Promise<void> => Promise.resolve(conn[Symbol.dispose]());
  return {
    localAddress: conn.localAddr.hostname,
    read: (buffer) => conn.read(buffer),
    send: (data) => writeAll(conn, toBytes(data)),
    closeWrite: () => conn.closeWrite(),
    close,
    reset: () => Promise.reject(new Error("Cannot reset: not connected with viaNode")),
    [Symbol.asyncDispose]: close,
  };
}

async function connectNode(
  to: { port: number; hostname: string; from: string | undefined },
): Promise<Client> {
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>();
  const socket: Socket = nodeConnect({
    port: to.port,
    host: to.hostname,
    allowHalfOpen: true,
    ...(to.from === undefined ? {} : { localAddress: to.from }),
  });
  socket.on("close", () => onClosed());
  let failure: Error | undefined;
  socket.on("error", (error) => failure ??= error);
  await within(
    new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    }),
    { timeoutMs: 5000, what: `a connect to port ${to.port}`, onTimeout: () => socket.destroy() },
  );
  socket.setNoDelay(true);
  const chunks = socket.iterator({ destroyOnReturn: false });
  let rest: Uint8Array = new Uint8Array();

  async function read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null> {
    if (rest.length === 0) {
      try {
        const { done, value } = await chunks.next();
        if (done) return null;
        rest = value;
      } catch (error) {
        if ((error as { code?: string }).code === "ECONNRESET") {
          throw new Deno.errors.ConnectionReset("Connection reset by peer");
        }
        throw error;
      }
    }
    const count = Math.min(rest.length, buffer.length);
    buffer.set(rest.subarray(0, count));
    rest = rest.subarray(count);
    return count;
  }

  async function close(): Promise<void> {
    socket.destroy();
    await closed;
  }

  return {
    localAddress: socket.localAddress ?? "",
    read,
    send(data) {
      return new Promise((resolve, reject) => {
        if (failure) reject(failure);
        else socket.write(toBytes(data), (error) => error ? reject(error) : resolve());
      });
    },
    closeWrite: () => new Promise((resolve) => socket.end(() => resolve())),
    close,
    async reset() {
      socket.resetAndDestroy();
      await closed;
    },
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Tries whether this runtime honors a source address; before Deno 2.7.13 it is silently ignored.
 */
export async function canBindSource(): Promise<boolean> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    const [accepted, client] = await Promise.all([
      listener.accept(),
      connect(listener.addr.port, { from: "127.0.0.2" }),
    ]);
    const seen = accepted.remoteAddr.hostname;
    accepted.close();
    await client.close();
    return seen === "127.0.0.2";
  } finally {
    listener.close();
  }
}

/** How a connection ended: orderly or with a reset. */
export type End = "EOF" | "RST";

/** Limits of reading. Exceeding one is an error, never a hang. */
export interface ReadOptions {
  /** Maximum number of bytes. @default {64 MiB} */
  limit?: number;
  /** In milliseconds. @default {10000} */
  timeoutMs?: number;
}

type Readable = Pick<Client, "read"> & { close?: () => unknown };

/** Reads to the end. @throws {Error} After more than `limit` bytes, or after `timeoutMs`. */
export async function readToEnd(
  from: Readable,
  options: ReadOptions = {},
): Promise<{ bytes: Uint8Array<ArrayBuffer>; text: string; end: End }> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const end = await drain(from, { ...options, onChunk: (chunk) => chunks.push(chunk.slice()) });
  const bytes = joinBytes(chunks) as Uint8Array<ArrayBuffer>;
  return { bytes, text: new TextDecoder().decode(bytes), end };
}

/** Reads to the end, and returns only the number of bytes and their SHA-256. */
export async function hashToEnd(
  from: Readable,
  options: ReadOptions = {},
): Promise<{ length: number; sha256: string; end: End }> {
  const hash = createHash("sha256");
  let length = 0;
  const end = await drain(from, {
    limit: Infinity,
    ...options,
    onChunk(chunk) {
      length += chunk.length;
      hash.update(chunk);
    },
  });
  return { length, sha256: hash.digest("hex"), end };
}

async function drain(
  from: Readable,
  options: ReadOptions & { onChunk: (chunk: Uint8Array<ArrayBuffer>) => void },
): Promise<End> {
  const { limit = 64 * 2 ** 20, timeoutMs = 10_000, onChunk } = options;
  const buffer = new Uint8Array(65536);
  async function run(): Promise<End> {
    for (let total = 0;;) {
      let count: number | null;
      try {
        count = await from.read(buffer);
      } catch (error) {
        if (error instanceof Deno.errors.ConnectionReset) return "RST";
        throw error;
      }
      if (count === null) return "EOF";
      total += count;
      if (total > limit) throw new Error(`Got more than ${limit} bytes`);
      onChunk(buffer.subarray(0, count));
    }
  }
  return await within(run(), {
    timeoutMs,
    what: "the end of a connection",
    onTimeout: () => void from.close?.(),
  });
}

/**
 * Reads exactly `length` bytes.
 *
 * @throws {Error} If the connection ends before that, or after `timeoutMs` (default 10000).
 */
export async function readExactly(
  from: Readable,
  length: number,
  options: { timeoutMs?: number } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const result = new Uint8Array(length);
  async function run(): Promise<Uint8Array<ArrayBuffer>> {
    for (let at = 0; at < length;) {
      const count = await from.read(result.subarray(at));
      if (count === null) throw new Error(`Got EOF after ${at} bytes instead of ${length}`);
      at += count;
    }
    return result;
  }
  return await within(run(), {
    timeoutMs: options.timeoutMs ?? 10_000,
    what: `${length} bytes`,
    onTimeout: () => void from.close?.(),
  });
}

/** Reads as {@linkcode readExactly}, as text. */
export async function readText(
  from: Readable,
  length: number,
  options: { timeoutMs?: number } = {},
): Promise<string> {
  return new TextDecoder().decode(await readExactly(from, length, options));
}

/**
 * Reads up to a newline, byte by byte, so that nothing after it is lost.
 *
 * @param options `timeoutMs` of each byte, default 10000.
 */
export async function readLine(
  from: Readable,
  { timeoutMs = 10_000 }: Pick<ReadOptions, "timeoutMs"> = {},
): Promise<string | End> {
  const one = new Uint8Array(1);
  let line = "";
  for (;;) {
    try {
      const count = await within(from.read(one), {
        timeoutMs,
        what: "a line",
        onTimeout: () => void from.close?.(),
      });
      if (count === null) return "EOF";
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionReset) return "RST";
      throw error;
    }
    if (one[0] === 0x0a) return line;
    line += String.fromCharCode(one[0] ?? 0);
  }
}

/**
 * Asks which backend answers: connects, reads the name that the backend sends first, half-closes
 * and reads to the end, so that the connection is over for both sides when this returns.
 *
 * @param options `timeoutMs` of reading, default 10000.
 * @returns The name; `"EOF"` if the connection ended without one, `"RST"` if it was reset.
 */
export async function ask(
  port: number,
  options: ConnectOptions & Pick<ReadOptions, "timeoutMs"> = {},
): Promise<string> {
  const connected = await connect(port, options).catch((error) => {
    // The reset may be there before the connection is set up.
    if (error instanceof Deno.errors.ConnectionReset) return undefined;
    throw error;
  });
  if (connected === undefined) return "RST";
  await using client = connected;
  const name = await readLine(client, options);
  if (name !== "EOF" && name !== "RST") {
    await client.closeWrite();
    await readToEnd(client, options);
  }
  return name;
}

/** Asks `count` times, one after another. @returns The names in order. */
export async function sequence(
  port: number,
  count: number,
  options: ConnectOptions = {},
): Promise<string[]> {
  const names: string[] = [];
  for (let i = 0; i < count; i++) names.push(await ask(port, options));
  return names;
}

/** Asks `count` times, one after another. @returns The tally, e.g. `"B0: 10, B1: 10"`. */
export async function distribution(
  port: number,
  count: number,
  options: ConnectOptions = {},
): Promise<string> {
  return tally(await sequence(port, count, options));
}

/** Sends everything over a new connection, half-closes, and returns what comes back. */
export async function exchange(port: number, sent: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  await using client = await connect(port);
  const [{ bytes }] = await Promise.all([
    readToEnd(client),
    client.send(sent).then(() => client.closeWrite()),
  ]);
  return bytes;
}

/** Counts names: `["B1", "B0", "B1"]` gives `"B0: 1, B1: 2"`. */
export function tally(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))
    .map(([name, count]) => `${name}: ${count}`).join(", ");
}

/** Waits until connects to a port are refused. */
export async function refused(port: number, timeoutMs = 5000): Promise<void> {
  await until(async () => {
    try {
      await using _client = await connect(port);
      return false;
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionRefused) return true;
      // It was in the backlog when the listener was closed.
      if (error instanceof Deno.errors.ConnectionReset) return false;
      throw error;
    }
  }, { timeoutMs, what: `port ${port} to be refused` });
}
