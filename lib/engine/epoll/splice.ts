/** Moves bytes between a socket and a pipe without copying them to this process: splice(2). */

import { SPLICE_FLAGS } from "./system/constants.ts";
import { isReset } from "./system/errno.ts";
import type { Context } from "./context.ts";
import { type EpollLink, RESET } from "./link.ts";
import { type Pipe, PIPE_SIZE } from "./pipes.ts";

/**
 * Moves bytes from a link to its pipe, which is empty.
 *
 * @returns Whether it moved something. Otherwise a read must find out why: besides the end of input,
 * splice(2) also fails at urgent data, and for lack of memory.
 */
export function fillPipe(context: Context, from: EpollLink): boolean {
  const { c, pipes } = context;
  const pipe = from.pipe ??= pipes.take();
  if (pipe === undefined) {
    from.fullReads = 0;
    return false;
  }
  const count = c.splice(from.descriptor, 0n, pipe.writeEnd, 0n, PIPE_SIZE, SPLICE_FLAGS);
  if (count < 0) noteReset(context, from);
  if (count <= 0) return false;
  pipe.filled = count;
  return true;
}

/**
 * A call that reads has failed: remembers a reset, because the call has taken the error of the socket
 * and the event may not report it. `errno` is only evidence of a reset here, never of its absence:
 * see errno.ts.
 */
export function noteReset({ errno }: Context, from: EpollLink): void {
  if (isReset(errno())) from.flags |= RESET;
}

/** Moves bytes from a pipe to a socket; returns how many, or -1. */
export function writePipe({ c }: Context, pipe: Pipe, to: number): number {
  const size = BigInt(pipe.filled);
  const count = c.splice(pipe.readEnd, 0n, to, 0n, size, SPLICE_FLAGS);
  if (count > 0) pipe.filled -= count;
  return count;
}
