/** The part of `Deno.Conn` that moves bytes. Whatever has it can be relayed. */
export interface ByteConn {
  /** Reads into a buffer; returns the number of bytes, `null` at the end of input. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes at least a part of some bytes; returns how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Half-close: ends our output, input goes on. */
  closeWrite(): Promise<void>;
  /** Closes both directions. */
  close(): void;
  /** Resets the connection (RST), where the runtime can. */
  reset?(): void;
}

/** A TCP connection of the runtime, or one that looks like it. */
export interface Conn extends ByteConn {
  readonly remoteAddr: Deno.Addr;
  readonly localAddr: Deno.Addr;
}
