/** Moves bytes between a socket and a pipe without copying them to this process: splice(2). */

import { SPLICE_FLAGS } from "./system/constants.ts";
import type { Context } from "./context.ts";
import type { EpollLink } from "./link.ts";
import { type Pipe, PIPE_SIZE } from "./pipes.ts";

/**
 * Moves bytes from a link to its pipe, which is empty.
 *
 * @returns Whether it moved something. Otherwise a read must find out why: besides the end of input,
 * splice(2) also fails at urgent data, and for lack of memory.
 */
export function fillPipe({ c, pipes }: Context, from: EpollLink): boolean {
  const pipe = from.pipe ??= pipes.take();
  if (pipe === undefined) {
    from.fullReads = 0;
    return false;
  }
  const count = c.splice(from.descriptor, 0n, pipe.writeEnd, 0n, PIPE_SIZE, SPLICE_FLAGS);
  if (count <= 0) return false;
  pipe.filled = count;
  return true;
}

/** Moves bytes from a pipe to a socket; returns how many, or -1. */
export function writePipe({ c }: Context, pipe: Pipe, to: number): number {
  const size = BigInt(pipe.filled);
  const count = c.splice(pipe.readEnd, 0n, to, 0n, size, SPLICE_FLAGS);
  if (count > 0) pipe.filled -= count;
  return count;
}
