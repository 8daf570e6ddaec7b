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
  readonly localAddr: Deno.Addr;
}
