import { joinBytes, writeAll } from "../../../lib/base/bytes.ts";
import { type Backend, backend, type ListenOptions } from "../net/backends.ts";
import { decode, type Header } from "./reference.ts";

/** A backend that expects a PROXY header, and what it has read. */
export interface HeaderBackend extends Backend {
  /** The headers in order. */
  readonly headers: readonly Header[];
  /** The same as they were on the wire. */
  readonly raw: readonly Uint8Array[];
  /** How many bytes each first read of a connection returned. */
  readonly firstReads: readonly number[];
  /** Why it could not read a header, in order. A connection that ended before any byte does not count. */
  readonly faults: readonly string[];
}

/**
 * Reads a header, which the reference must accept, and sends a greeting. Then it echoes the rest,
 * and half-closes when the client has half-closed.
 */
export function headerBackend(options: ListenOptions & { greeting?: string } = {}): HeaderBackend {
  const headers: Header[] = [], raw: Uint8Array[] = [], firstReads: number[] = [];
  const faults: string[] = [];
  const base = backend(async (conn) => {
    const buffer = new Uint8Array(65536);
    let bytes: Uint8Array = new Uint8Array();
    let header: Header | undefined;
    while (header === undefined) {
      const count = await conn.read(buffer);
      if (count === null) {
        if (bytes.length > 0) faults.push(`closed after ${bytes.length} bytes`);
        return;
      }
      if (bytes.length === 0) firstReads.push(count);
      bytes = joinBytes([bytes, buffer.subarray(0, count)]);
      try {
        header = decode(bytes);
      } catch (error) {
        faults.push(`${(error as Error).message}: ${bytes.subarray(0, 64).toHex()}`);
        return;
      }
    }
    headers.push(header);
    raw.push(bytes.slice(0, header.length));
    if (options.greeting !== undefined) {
      await writeAll(conn, new TextEncoder().encode(options.greeting));
    }
    await writeAll(conn, bytes.slice(header.length));
    for (;;) {
      const count = await conn.read(buffer);
      if (count === null) break;
      await writeAll(conn, buffer.subarray(0, count));
    }
    await conn.closeWrite();
  }, options);
  return Object.defineProperties(
    base,
    Object.getOwnPropertyDescriptors({ headers, raw, firstReads, faults }),
  ) as HeaderBackend;
}
