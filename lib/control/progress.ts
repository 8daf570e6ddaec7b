/** Replies that take time, and clients that leave before their end. */

import { delay } from "@std/async/delay";
import { NO_BYTES } from "../base/bytes.ts";
import { CommandError, message, type Progress } from "./commands/command.ts";
import type { Peekable } from "./peekable.ts";

/** Milliseconds between two checks whether a client that sends no more commands is still there. */
const LEFT_POLL_MS = 500;

/** An error that a command reports becomes the end of its reply. */
export function withErrors(progress: Progress): Progress {
  return async function* (signal) {
    try {
      return yield* progress(signal);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      return { ...message(error.message), failed: true };
    }
  };
}

/**
 * Calls a function when a client leaves that waits for the end of an answer.
 *
 * @param client `lines`: what it sends; `halfClosed`: it may wait for answers after the end of its
 * commands, as `socat` does; `isOver`: aborted when it no longer waits.
 */
export function whenClientLeaves(
  { conn, lines, halfClosed, isOver }: {
    conn: Deno.Conn;
    lines: Peekable<unknown>;
    halfClosed: boolean;
    isOver: AbortSignal;
  },
  leave: () => void,
): void {
  async function untilLeft(): Promise<void> {
    const { done } = await lines.peek();
    // The next command waits for its turn, and the end of the connection would only be
    // read after it. But writing nothing to a Unix socket fails if its other end is closed.
    while ((halfClosed || !done) && !isOver.aborted) {
      await conn.write(NO_BYTES);
      await delay(LEFT_POLL_MS, { signal: isOver }).catch(() => {});
    }
    leave();
  }
  untilLeft().catch(leave);
}
