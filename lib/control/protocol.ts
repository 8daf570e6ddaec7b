/**
 * The protocol of the control socket: lines of text.
 *
 * By hand, a line is a command, and the answer is only its output:
 *
 *     printf 'show\n' | socat - UNIX-CONNECT:/var/run/balance/balance.25.0.0.0.0
 *
 * A program starts with the line `.hello`. The server answers with a line of JSON about itself
 * ({@link Hello}). From then on, a line of JSON precedes each answer ({@link ReplyHead}).
 */

import { joinBytes } from "../base/bytes.ts";

/** First line of a client that needs to know where an answer ends. */
export const HELLO = ".hello";

/** Maximum length of a command, in bytes without its newline. */
export const MAX_LINE_BYTES = 4096;

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
  readonly over?: "quit" | "stop" | "limit";
}

/**
 * Splits a stream of bytes into lines.
 *
 * @param chunks The bytes.
 * @param maxBytes Maximum length of a line. A longer one yields `undefined` and ends the lines.
 * @returns Lines without newlines. The last line may lack one.
 */
export async function* lines(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<string | undefined> {
  const decoder = new TextDecoder();
  let rest: Uint8Array[] = [], held = 0;
  for await (const chunk of chunks) {
    let at = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, at)) {
      if (held + end - at > maxBytes) return yield undefined;
      yield decoder.decode(joinBytes([...rest, chunk.subarray(at, end)]));
      [rest, held, at] = [[], 0, end + 1];
    }
    held += chunk.length - at;
    if (held > maxBytes) return yield undefined;
    if (at < chunk.length) rest.push(chunk.slice(at));
  }
  if (held > 0) yield decoder.decode(joinBytes(rest));
}
