/**
 * Connections from a given local address (`-B`).
 *
 * `Deno.connect` cannot bind to one. `net.connect` can since Deno 2.7.13; older versions silently
 * ignore the address, so {@link canBindSource} tries it before balance accepts `-B`.
 */

import { Buffer } from "node:buffer";
import net from "node:net";
import type { Endpoint } from "../../base/endpoint.ts";
import type { SourceSupport } from "../engine.ts";
import { wasEstablished } from "../failures.ts";
import { type Conn, netAddr, resetConn } from "./byte_conn.ts";

/** Maximum bytes of one read from the socket. */
const HIGH_WATER_BYTES = 64 << 10;

/** A socket of `node:net` with the methods of `Deno.Conn`. */
class NodeConn implements Conn {
  readonly remoteAddr: Deno.NetAddr;
  readonly localAddr: Deno.NetAddr | undefined;
  readonly #socket: net.Socket;
  #waiting: (() => void) | undefined;
  #error: Error | undefined;
  #ended = false;

  constructor(socket: net.Socket, to: Endpoint) {
    this.#socket = socket;
    this.remoteAddr = netAddr(to);
    const { localAddress: address, localPort: port } = socket;
    this.localAddr = address && port ? netAddr({ address, port }) : undefined;
    const wake = () => {
      this.#waiting?.();
      this.#waiting = undefined;
    };
    const fail = (error: Error) => {
      this.#error ??= error;
      wake();
    };
    socket.on("readable", wake);
    socket.on("end", () => {
      this.#ended = true;
      wake();
    });
    socket.on("error", fail);
    socket.on("close", () => fail(new Deno.errors.Interrupted("closed")));
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
      // `read(0)` starts the next read of the socket and triggers "end".
      else if (this.#socket.read(0) !== null) continue;
      await new Promise<void>((resolve) => this.#waiting = resolve);
    }
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      // A view, not a copy: the caller reuses its buffer only after the callback.
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
 * Connects from a local address. A backend that resets the connection at once has accepted it, so
 * this does not throw then.
 *
 * @param source An address of this host.
 * @param signal Cancels the attempt and closes the socket.
 * @throws {Error} With the `code` of the system error, or the reason of `signal`.
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
    const connected = (conn: Conn) => {
      signal.removeEventListener("abort", cancel);
      resolve(conn);
    };
    const onError = (error: Error) => {
      if (wasEstablished(error)) connected(resetConn(to));
      else failed(error);
    };
    socket.once("error", onError);
    socket.once("connect", () => {
      socket.off("error", onError);
      connected(new NodeConn(socket, to));
    });
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel);
  });
}

/** Tries whether connections can be made from an address. */
export async function canBindSource(source: string): Promise<SourceSupport> {
  try {
    Deno.listen({ hostname: source, port: 0 }).close();
  } catch {
    return "not local";
  }
  return await bindsToSource() ? "yes" : "ignored";
}

/** Connects to this process from 127.0.0.2, which the kernel would not choose by itself. */
async function bindsToSource(): Promise<boolean> {
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
    // Where 127.0.0.2 is no local address (macOS), this error proves that binding takes effect.
    return true;
  } finally {
    listener.close();
  }
}
