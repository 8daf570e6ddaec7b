/**
 * Connections from a chosen local address (`-B`).
 *
 * `Deno.connect` cannot bind; `net.connect` of `node:net` can since Deno 2.7.13 and silently
 * ignores the address before (PLATFORM.md section 6). So it is tried once at start, by
 * {@link canBindSource}, and the program refuses `-B` where it does not work.
 */

import type { Endpoint } from "../../base/endpoint.ts";
import { Buffer } from "node:buffer";
import net from "node:net";
import type { Conn } from "./deno_engine.ts";

/** Bytes that one read of the socket brings at the most. */
const HIGH_WATER_BYTES = 64 << 10;

/** A socket of `node:net` with the methods of `Deno.Conn`. */
class SourceConn implements Conn {
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
      // Asking for nothing starts the next read and makes "end" come.
      else if (this.#socket.read(0) !== null) continue;
      await new Promise<void>((resolve) => this.#waiting = resolve);
    }
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      // The caller's buffer is free again when the callback runs, so it need not be copied.
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
 * @param signal Gives up; nothing stays behind then.
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
    const give = () => {
      socket.destroy();
      failed(signal.reason);
    };
    const failed = (error: unknown) => {
      signal.removeEventListener("abort", give);
      reject(error);
    };
    socket.once("error", failed);
    socket.once("connect", () => {
      signal.removeEventListener("abort", give);
      socket.off("error", failed);
      resolve(new SourceConn(socket));
    });
    if (signal.aborted) give();
    else signal.addEventListener("abort", give);
  });
}

/**
 * Finds out whether outgoing connections can come from an address, by trying.
 *
 * @param source Text of an address.
 * @returns `"yes"`, `"not local"` when it is no address of this host, or `"ignored"` when this
 * runtime takes the address and connects from another one.
 */
export async function canBindSource(source: string): Promise<"yes" | "not local" | "ignored"> {
  try {
    Deno.listen({ hostname: source, port: 0 }).close();
  } catch {
    return "not local";
  }
  return await bindsAtAll() ? "yes" : "ignored";
}

/** Connects to ourselves from an address that the kernel would not choose by itself. */
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
    // Where 127.0.0.2 is no local address (macOS) the bind fails: so it was tried.
    return true;
  } finally {
    listener.close();
  }
}
