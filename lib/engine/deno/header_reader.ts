import type { HeaderObserver } from "../engine.ts";
import { giveBuffer, MIN_BUFFER_BYTES, takeBuffer } from "./buffers.ts";
import type { ByteConn } from "./byte_conn.ts";
import type { ReadAhead } from "./read_ahead.ts";

/** Size of the buffer, for a header and what may follow it. A multiple as for relays. */
const BUFFER_BYTES = 4 * MIN_BUFFER_BYTES;

/**
 * Reads a header at the start of a client's input.
 *
 * @param options `maxBytes`: see `Engine.readHeader`, at most 2048; `rest` receives what was read
 * after the header.
 */
export function readHeader(
  conn: ByteConn,
  { maxBytes, rest }: { maxBytes: number; rest: (rest: ReadAhead) => void },
  observer: HeaderObserver,
): void {
  const buffer = takeBuffer(BUFFER_BYTES);
  let count = 0;

  function next(): void {
    // The relay reports a reset, or the next write does.
    conn.read(buffer.subarray(count)).then(received, () => observer.over());
  }

  function received(more: number | null): void {
    if (more === null) return observer.over();
    count += more;
    const taken = observer.arrived(buffer.subarray(0, Math.min(count, maxBytes)));
    if (taken === undefined) return next();
    buffer.copyWithin(0, taken, count);
    rest(fitted(buffer, count - taken));
    observer.over();
  }

  next();
}

/** An idle connection keeps its buffer, which should be a small one. */
function fitted(buffer: Uint8Array<ArrayBuffer>, arrived: number): ReadAhead {
  if (arrived > MIN_BUFFER_BYTES) return { buffer, arrived, pending: undefined };
  const small = takeBuffer(MIN_BUFFER_BYTES);
  small.set(buffer.subarray(0, arrived));
  giveBuffer(buffer);
  return { buffer: small, arrived, pending: undefined };
}
