/** The part of `Deno.Conn` that moves bytes; whatever has it can be relayed. */
export interface ByteConn {
  /** Reads into a buffer; `null` at the end of input. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes a part of some bytes at least; how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Half-close: ends our output, input goes on. */
  closeWrite(): Promise<void>;
  /** Closes both directions. */
  close(): void;
  /** Tears the connection down with RST, where the runtime can. */
  reset?(): void;
}
