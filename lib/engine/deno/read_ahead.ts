import type { Ending } from "../../base/side.ts";
import { giveBuffer, MIN_BUFFER_BYTES, STREAM_BYTES, takeBuffer } from "./buffers.ts";
import type { ByteConn } from "./byte_conn.ts";

/** What was read from a connection before its relay, which takes it over. */
export interface ReadAhead {
  /** Starts with the bytes that have arrived; a pending read fills the rest. */
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly arrived: number;
  /** The pending read, or the result that ended the input; `undefined` if none was started. */
  readonly pending: Promise<number | null> | undefined;
}

/** Reads ahead until the relay starts. */
export interface AheadReader {
  /** Ends reading ahead. The caller owns the buffer and the pending read. */
  take(): ReadAhead;
}

/**
 * Starts to read ahead, up to {@link STREAM_BYTES}: an end of input after more bytes than that is not
 * noticed.
 *
 * @param ended Called when the input ends, with the number of bytes before that.
 * @param rest What was read before.
 */
export function startReading(
  conn: ByteConn,
  ended: (how: Ending, bytes: number) => void,
  rest?: ReadAhead,
): AheadReader {
  let buffer = rest?.buffer ?? takeBuffer(MIN_BUFFER_BYTES), arrived = rest?.arrived ?? 0;
  let isTaken = false;
  let pending: Promise<number | null> | undefined;

  function next(): void {
    if (arrived === buffer.length && !grow()) {
      pending = undefined;
      return;
    }
    pending = conn.read(buffer.subarray(arrived));
    pending.then(received, () => {
      if (!isTaken) ended("reset", arrived);
    });
  }

  function received(count: number | null): void {
    if (isTaken) return;
    if (count === null) return ended("end", arrived);
    arrived += count;
    next();
  }

  function grow(): boolean {
    if (buffer.length >= STREAM_BYTES) return false;
    const larger = takeBuffer(Math.min(buffer.length * 4, STREAM_BYTES));
    larger.set(buffer);
    giveBuffer(buffer);
    buffer = larger;
    return true;
  }

  next();
  return {
    take() {
      isTaken = true;
      return { buffer, arrived, pending };
    },
  };
}
