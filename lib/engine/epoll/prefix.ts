import { concat } from "@std/bytes/concat";
import { NO_BYTES } from "../../base/bytes.ts";
import type { Context } from "./context.ts";
import { BLOCKED, BROKEN, type EpollLink, PREFIXED } from "./link.ts";
import { MSG_NOSIGNAL } from "./system/constants.ts";

/**
 * Writes a prefix and the first bytes of a client with one call. What is left of these is the rest of
 * `from`, which is `PREFIXED` until the prefix is written.
 *
 * @param of Its `prefix` becomes what is left of it.
 * @returns How many of the bytes are written; `undefined` if the write failed.
 */
export function sendPrefixed(
  { c }: Context,
  of: { prefix: Uint8Array | undefined },
  { from, to, bytes }: { from: EpollLink; to: EpollLink; bytes: Uint8Array<ArrayBuffer> },
): number | undefined {
  const { prefix = NO_BYTES } = of, all = concat([prefix, bytes]);
  const result = c.send(to.descriptor, all, BigInt(all.length), MSG_NOSIGNAL);
  if (result < 0 && to.flags & BROKEN) return undefined;
  const written = Math.max(result, 0), moved = Math.max(written - prefix.length, 0);
  const isSent = written >= prefix.length;
  of.prefix = isSent ? undefined : prefix.subarray(written);
  if (isSent) from.flags &= ~PREFIXED;
  from.rest = moved < bytes.length ? bytes.subarray(moved) : undefined;
  if (written < all.length) to.flags |= BLOCKED;
  return moved;
}
