import { joinBytes } from "../../base/bytes.ts";
import type { ByteConn } from "./byte_conn.ts";
import type { ReadAhead } from "./read_ahead.ts";

/** How one direction of a relay starts. */
export interface PumpStart {
  /** What was read before. */
  readonly ahead?: ReadAhead | undefined;
  /** What is written before the first chunk, or together with it. */
  readonly prefix?: Uint8Array | undefined;
}

/** Writes a prefix and bytes, with one call if possible; returns how many of the bytes. */
export async function writePrefixed(
  to: ByteConn,
  prefix: Uint8Array,
  bytes: Uint8Array,
): Promise<number> {
  const all = joinBytes([prefix, bytes]);
  let written = 0;
  while (written < prefix.length) written += await to.write(all.subarray(written));
  return written - prefix.length;
}

/**
 * Whether a read returns bytes in this turn of the event loop or in the next one. Only a timer makes
 * the runtime look for new events in each turn.
 */
export function hasArrived(read: Promise<number | null>): Promise<boolean> {
  return new Promise((resolve) => {
    const nextTurn = setTimeout(resolve, 0, false);
    const settle = (count: number | null) => {
      clearTimeout(nextTurn);
      resolve(count !== null);
    };
    read.then(settle, () => settle(null));
  });
}
