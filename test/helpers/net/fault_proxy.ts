/**
 * A proxy that injects faults. It runs in front of the program under test, or between it and its
 * backends, and delays, slices, throttles, stalls, cuts and resets connections, each by its own plan.
 *
 * Every connection starts with a header of {@linkcode HEADER_BYTES} bytes. Its first four bytes are
 * the number of the connection (big endian), by which the proxy finds the plan.
 *
 * @module
 */
import { createServer, type Server, Socket } from "node:net";
import { joinBytes, writeAll } from "../../../lib/base/bytes.ts";
import { sleep } from "../t.ts";
import { canReset } from "./backends.ts";

/** Bytes of the header; they are passed on and counted. */
export const HEADER_BYTES = 8;
const READ_BYTES = 16384;
/** How often a stalled or throttled direction checks whether the connection is still open. */
const NAP_MS = 50;

/** Faults of one direction. */
export interface Toxics {
  /** Waits this long before each chunk. */
  readonly delayMs?: number;
  /** Splits chunks into writes of at most this many bytes. */
  readonly sliceBytes?: number;
  /** Maximum bytes per second. */
  readonly bytesPerS?: number;
  /** Stalls once, for `ms`, after this many bytes. */
  readonly stall?: { readonly after: number; readonly ms: number };
  /**
   * Ends it after this many bytes, or right after its end (`Infinity`). `end`: half-close, the
   * other direction goes on; `close`: both directions; `reset`: RST (needs `canReset`).
   */
  readonly cut?: { readonly after: number; readonly how: "end" | "close" | "reset" };
}

/** Faults of one connection. */
export interface Plan {
  /** From the side that connects. */
  readonly up?: Toxics;
  /** To the side that connects. */
  readonly down?: Toxics;
  /** Connects and resets before a byte is sent. */
  readonly resetAtConnect?: boolean;
}

/** What happens to a connection before its header is read. */
export type AtAccept = "reset" | "close" | "silent" | "answer" | "pass";

/** What `answer` sends before it closes. */
export const ANSWER = "an answer without a question\n";

/** How a direction ended: as its input did, by the plan, or because its output was closed. */
export type Ended = "end" | "reset" | "cut" | "broken";

/** The outcome of one connection. */
export interface Passed {
  /** Bytes passed on. */
  up: number;
  down: number;
  upEnded?: Ended;
  downEnded?: Ended;
}

/** A running proxy. */
export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  readonly address: string;
  /** Connections so far. */
  readonly accepted: number;
  /** Connections open now. */
  readonly open: number;
  /** Connections per fate before their header. */
  readonly fates: Readonly<Record<AtAccept, number>>;
  /** By connection number, as soon as the header is read. */
  readonly passed: ReadonlyMap<number, Passed>;
}

/** A connection, with either kind of socket. */
interface Wire {
  /** `null` at the end. The bytes are valid until the next read. @throws {Error} After a reset. */
  read(): Promise<Uint8Array<ArrayBuffer> | null>;
  send(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  closeWrite(): Promise<void>;
  close(): void;
  reset(): void;
}

/**
 * Starts a proxy.
 *
 * @param options `to`: port on 127.0.0.1; `plan`: by connection number; `atAccept`: what
 * happens before the number is known, by the order of accepting.
 */
export async function faultProxy(
  options: {
    to: number;
    plan: (id: number) => Plan;
    atAccept?: (place: number) => AtAccept;
  },
): Promise<FaultProxy> {
  const passed = new Map<number, Passed>();
  const running = new Set<Promise<void>>();
  const wires = new Set<Wire>();
  const fates: Record<AtAccept, number> = { reset: 0, close: 0, silent: 0, answer: 0, pass: 0 };
  let accepted = 0;

  async function serve(client: Wire): Promise<void> {
    const fate = options.atAccept?.(accepted++) ?? "pass";
    fates[fate]++;
    wires.add(client);
    try {
      if (fate === "pass") return await pass(client);
      if (fate === "reset") return client.reset();
      if (fate === "answer") await client.send(new TextEncoder().encode(ANSWER));
      if (fate === "silent") { while (await client.read() !== null); }
    } catch {
      /* the other side closed first */
    } finally {
      wires.delete(client);
      client.close();
    }
  }

  async function pass(client: Wire): Promise<void> {
    const head = await header(client);
    if (head === undefined) return;
    const id = new DataView(head.buffer).getUint32(0);
    const record: Passed = { up: 0, down: 0 };
    passed.set(id, record);
    const plan = options.plan(id);
    const resets = plan.resetAtConnect || plan.up?.cut?.how === "reset" ||
      plan.down?.cut?.how === "reset";
    const server = await dial(options.to, resets ?? false);
    wires.add(server);
    try {
      if (plan.resetAtConnect) {
        record.upEnded = record.downEnded = "cut";
        return server.reset();
      }
      const life = { over: false };
      await Promise.all([
        flow(client, server, { toxics: plan.up ?? {}, record, side: "up", first: head, life }),
        flow(server, client, { toxics: plan.down ?? {}, record, side: "down", life }),
      ]);
    } finally {
      wires.delete(server);
      server.close();
    }
  }

  function accept(wire: Wire): void {
    const done = serve(wire).catch(() => {}).finally(() => running.delete(done));
    running.add(done);
  }

  const listener = await listen(accept);
  return {
    port: listener.port,
    address: `127.0.0.1:${listener.port}`,
    get accepted() {
      return accepted;
    },
    get open() {
      return running.size;
    },
    fates,
    passed,
    async [Symbol.asyncDispose]() {
      const closed = listener.close();
      for (const wire of wires) wire.close();
      await Promise.all(running);
      await closed;
    },
  };
}

/** Reads the header, and the bytes that came with it. */
async function header(client: Wire): Promise<Uint8Array<ArrayBuffer> | undefined> {
  let head = new Uint8Array();
  while (head.length < HEADER_BYTES) {
    const chunk = await client.read();
    if (chunk === null) return undefined;
    // Copied, as the chunk is valid only until the next read.
    head = joinBytes([head, chunk.slice()]) as Uint8Array<ArrayBuffer>;
  }
  return head;
}

/** Relays one direction until it ends. */
async function flow(
  from: Wire,
  to: Wire,
  options: {
    toxics: Toxics;
    record: Passed;
    side: "up" | "down";
    first?: Uint8Array<ArrayBuffer>;
    life: { over: boolean };
  },
): Promise<void> {
  const { toxics, record, side, life } = options;
  const { delayMs = 0, sliceBytes = READ_BYTES, bytesPerS = Infinity, stall, cut } = toxics;
  let stalled = false;

  async function nap(ms: number): Promise<void> {
    for (let left = ms; left > 0 && !life.over; left -= NAP_MS) {
      await sleep(Math.min(left, NAP_MS));
    }
  }

  function finish(how: Ended, what: "close" | "reset" | undefined): void {
    record[`${side}Ended`] ??= how;
    if (what === undefined || life.over) return;
    life.over = true;
    record[`${side === "up" ? "down" : "up"}Ended`] ??= how;
    for (const wire of [from, to]) what === "reset" ? wire.reset() : wire.close();
  }

  async function cutNow(): Promise<void> {
    if (cut?.how !== "end") return finish("cut", cut?.how);
    await to.closeWrite();
    finish("cut", undefined);
    // Discards the rest, so that its sender can finish.
    while (await from.read() !== null);
  }

  try {
    for (
      let chunk = options.first ?? await from.read();
      chunk !== null;
      chunk = await from.read()
    ) {
      if (delayMs > 0) await nap(delayMs);
      for (let at = 0; at < chunk.length;) {
        if (stall !== undefined && !stalled && record[side] >= stall.after) {
          stalled = true;
          await nap(stall.ms);
        }
        const room = (cut?.after ?? Infinity) - record[side];
        const piece = chunk.subarray(at, at + Math.min(sliceBytes, room));
        if (piece.length > 0) await to.send(piece);
        record[side] += piece.length;
        at += piece.length;
        if (room <= piece.length) return await cutNow();
        if (bytesPerS < Infinity) await nap(piece.length / bytesPerS * 1000);
      }
    }
  } catch {
    // One of the two sides is gone; the end is passed to the other, whichever it is.
    return finish(life.over ? "cut" : "reset", canReset ? "reset" : "close");
  }
  try {
    await to.closeWrite();
    finish("end", undefined);
    if (cut !== undefined && cut.how !== "end" && cut.after === Infinity) finish("cut", cut.how);
  } catch {
    finish("broken", "close");
  }
}

/** Listens on 127.0.0.1, with sockets that can be reset if the runtime has them. */
async function listen(
  accept: (wire: Wire) => void,
): Promise<{ port: number; close(): Promise<void> }> {
  if (canReset) {
    const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      accept(nodeWire(socket));
    });
    await new Promise<void>((resolve) =>
      server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, resolve)
    );
    return {
      port: (server.address() as { port: number }).port,
      close: () => new Promise((resolve) => server.close(() => resolve())),
    };
  }
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 4096 });
  async function acceptAll(): Promise<void> {
    try {
      for (;;) accept(denoWire(await listener.accept()));
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
  const accepting = acceptAll();
  return {
    port: listener.addr.port,
    close() {
      listener.close();
      return accepting;
    },
  };
}

async function dial(port: number, resets: boolean): Promise<Wire> {
  if (!resets) return denoWire(await Deno.connect({ hostname: "127.0.0.1", port }));
  const socket = new Socket({ allowHalfOpen: true });
  const wire = nodeWire(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.connect(port, "127.0.0.1", () => resolve());
  });
  return wire;
}

function denoWire(conn: Deno.TcpConn): Wire {
  const buffer = new Uint8Array(READ_BYTES);
  conn.setNoDelay(true);
  return {
    async read() {
      const count = await conn.read(buffer);
      return count === null ? null : buffer.subarray(0, count);
    },
    send: (bytes) => writeAll(conn, bytes),
    closeWrite: () => conn.closeWrite(),
    close: () => conn[Symbol.dispose](),
    reset() {
      throw new Error("Cannot reset a Deno.Conn");
    },
  };
}

function nodeWire(socket: Socket): Wire {
  socket.on("error", () => {});
  const chunks = socket.iterator({ destroyOnReturn: false });
  return {
    async read() {
      const { done, value } = await chunks.next();
      return done ? null : new Uint8Array(value.buffer, value.byteOffset, value.length);
    },
    send: (bytes) =>
      new Promise((resolve, reject) => {
        socket.write(bytes, (error) => error ? reject(error) : resolve());
      }),
    closeWrite: () =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) reject(new Deno.errors.NotConnected("gone"));
        else socket.end(() => resolve());
        socket.once("close", () => resolve());
      }),
    close: () => void socket.destroy(),
    reset: () => void socket.resetAndDestroy(),
  };
}
