import type { Endpoint } from "../../base/endpoint.ts";

/** The part of `Deno.Conn` that a relay needs. */
export interface ByteConn {
  /** Reads into a buffer; returns the number of bytes, `null` at the end of input. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes some or all of the bytes; returns how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Half-close: sends FIN and continues to read. */
  closeWrite(): Promise<void>;
  /** Closes both directions. */
  close(): void;
  /** Closes with a reset (RST); absent where Deno cannot do that. */
  reset?(): void;
}

/** A TCP connection of Deno, or one of `node:net` with the same methods. */
export interface Conn extends ByteConn {
  readonly remoteAddr: Deno.Addr;
  /** `undefined` if the peer reset the connection before it was known. */
  readonly localAddr: Deno.Addr | undefined;
}

/**
 * A connection that the peer reset so early that the runtime has closed it already.
 *
 * @param to The address of the peer.
 */
export function resetConn(to: Endpoint): Conn {
  return {
    remoteAddr: netAddr(to),
    localAddr: undefined,
    read: () => Promise.reject(new Deno.errors.ConnectionReset("Connection reset by peer")),
    write: () => Promise.reject(new Deno.errors.BrokenPipe("Broken pipe")),
    closeWrite: () => Promise.resolve(),
    close() {},
  };
}

/** An address as Deno returns it. */
export function netAddr({ address, port }: Endpoint): Deno.NetAddr {
  return { transport: "tcp", hostname: address, port };
}
