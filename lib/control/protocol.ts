/**
 * The protocol of the control socket: lines of text.
 *
 * For use by hand, a line is a command, and the answer is only its output:
 *
 *     printf 'show\n' | socat - UNIX-CONNECT:/var/run/balance/balance.25.0.0.0.0
 *
 * A program starts with the line `.hello`. The server answers with a line of JSON about itself
 * ({@link Hello}). After that, each answer starts with a line of JSON ({@link ReplyHead}).
 */

import { joinBytes, NO_BYTES } from "../base/bytes.ts";

/** First line of a client that needs to know where an answer ends. */
export const HELLO = ".hello";

/** Maximum length of a command, in bytes without its newline. */
export const MAX_LINE_BYTES = 4096;
/** The answer to a longer one, without its newline. */
export const LINE_TOO_LONG = `line too long, the limit is ${MAX_LINE_BYTES} bytes`;
const READ_BYTES = 4096;

/** Maximum number of clients at a time. */
export const MAX_CLIENTS = 128;

/** Milliseconds after which a client that does not read its answer is closed. */
export const UNREAD_TIMEOUT_MS = 30_000;

/** The greeting of the server. */
export interface Hello {
  readonly version: string;
  readonly pid: number;
}

/** The line before an answer. */
export interface ReplyHead {
  /** Bytes of text that follow. */
  readonly bytes: number;
  /** The current group. */
  readonly group: number;
  readonly failed: boolean;
  /** Why the session ends after this answer: `quit`, `kill`, or a line that is too long. */
  readonly over?: "quit" | "stop" | "limit" | undefined;
}

/**
 * Splits a stream into lines of at most {@link MAX_LINE_BYTES}.
 *
 * @returns Lines without newlines. The last line may lack one. A line that is too long yields
 * `undefined` and ends the lines.
 */
export async function* readLines(
  from: { read(buffer: Uint8Array): Promise<number | null> },
): AsyncGenerator<string | undefined> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(READ_BYTES);
  let held: Uint8Array = NO_BYTES;
  for (let n = await from.read(buffer); n !== null; n = await from.read(buffer)) {
    held = joinBytes([held, buffer.subarray(0, n)]);
    for (let end = held.indexOf(10); end >= 0; end = held.indexOf(10)) {
      if (end > MAX_LINE_BYTES) return yield undefined;
      yield decoder.decode(held.subarray(0, end));
      held = held.subarray(end + 1);
    }
    if (held.length > MAX_LINE_BYTES) return yield undefined;
  }
  if (held.length > 0) yield decoder.decode(held);
}
