/**
 * Connections from a chosen local address (`-B`).
 *
 * `Deno.connect` cannot bind. `net.connect` of `node:net` can since Deno 2.7.13; older versions
 * silently ignore the address. {@link canBindSource} tries it at start, so that the program can
 * refuse `-B` where it does not work.
 */

import { Buffer } from "node:buffer";
import net from "node:net";
import type { Endpoint } from "../../base/endpoint.ts";
import type { SourceSupport } from "../engine.ts";
import type { Conn } from "./byte_conn.ts";

/** Maximum bytes of one read from the socket. */
const HIGH_WATER_BYTES = 64 << 10;

/** A socket of `node:net` with the methods of `Deno.Conn`. */
class NodeConn implements Conn {
  readonly remoteAddr: Deno.NetAddr;
  readonly localAddr: Deno.NetAddr;
  readonly #socket: net.Socket;
  #waiting: (() => void) | undefined;
  #error: Error | undefined;
  #ended = false;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.remoteAddr = {
      transport: "tcp",
      hostname: socket.remoteAddress ?? "",
      port: socket.remotePort ?? 0,
    };
    this.localAddr = {
      transport: "tcp",
      hostname: socket.localAddress ?? "",
      port: socket.localPort ?? 0,
    };
    const wake = () => {
      this.#waiting?.();
      this.#waiting = undefined;
    };
    socket.on("readable", wake);
    socket.on("end", () => {
      this.#ended = true;
      wake();
    });
    socket.on("error", (error: Error) => {
      this.#error ??= error;
      wake();
    });
    socket.on("close", () => {
      this.#error ??= new Deno.errors.Interrupted("closed");
      wake();
    });
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    for (;;) {
      const available = this.#socket.readableLength;
      if (available > 0) {
        const chunk = this.#socket.read(Math.min(available, buffer.length)) as Buffer | null;
        if (chunk !== null) {
          buffer.set(chunk);
          return chunk.length;
        }
      } else if (this.#ended) return null;
      else if (this.#error !== undefined) throw this.#error;
      // Reading nothing starts the next read and triggers "end".
      else if (this.#socket.read(0) !== null) continue;
      await new Promise<void>((resolve) => this.#waiting = resolve);
    }
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      // No copy: the caller reuses its buffer only after the callback.
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      this.#socket.write(view, (error) => error ? reject(error) : resolve(bytes.length));
    });
  }

  closeWrite(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) resolve();
      else this.#socket.end(() => resolve());
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }
}

/**
 * Connects from a local address.
 *
 * @param source Text of an address of this host.
 * @param to Where to.
 * @param signal Cancels; nothing is left open then.
 * @throws {Error} With the `code` of the system error.
 */
export function connectFrom(source: string, to: Endpoint, signal: AbortSignal): Promise<Conn> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({
      host: to.address,
      port: to.port,
      localAddress: source,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      highWaterMark: HIGH_WATER_BYTES,
    } as net.NetConnectOpts);
    const cancel = () => {
      socket.destroy();
      failed(signal.reason);
    };
    const failed = (error: unknown) => {
      signal.removeEventListener("abort", cancel);
      reject(error);
    };
    socket.once("error", failed);
    socket.once("connect", () => {
      signal.removeEventListener("abort", cancel);
      socket.off("error", failed);
      resolve(new NodeConn(socket));
    });
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel);
  });
}

/**
 * Finds out whether outgoing connections can come from an address, by trying.
 *
 * @param source Text of an address.
 */
export async function canBindSource(source: string): Promise<SourceSupport> {
  try {
    Deno.listen({ hostname: source, port: 0 }).close();
  } catch {
    return "not local";
  }
  return await bindsAtAll() ? "yes" : "ignored";
}

/** Connects to ourselves from an address that the kernel would not choose. */
async function bindsAtAll(): Promise<boolean> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    const to = { address: "127.0.0.1", port: (listener.addr as Deno.NetAddr).port };
    const conn = await connectFrom("127.0.0.2", to, AbortSignal.timeout(2000));
    const peer = await listener.accept();
    const seen = (peer.remoteAddr as Deno.NetAddr).hostname;
    peer.close();
    conn.close();
    return seen === "127.0.0.2";
  } catch {
    // Where 127.0.0.2 is not a local address (macOS) the bind fails, so it was tried.
    return true;
  } finally {
    listener.close();
  }
}
