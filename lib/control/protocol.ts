/**
 * The protocol of the control socket: lines of text.
 *
 * By hand, a line is a command and its answer is the text of the command, nothing else:
 *
 *     printf 'show\n' | socat - UNIX-CONNECT:/var/run/balance/balance.25.0.0.0.0
 *
 * A program begins with the line `.hello`. It is answered by a line of JSON about the server,
 * and from then on each answer is preceded by a line of JSON about it ({@link ReplyHead}).
 */

import { joinBytes } from "../base/bytes.ts";

/** First line of a program that wants to know where an answer ends. */
export const HELLO = ".hello";

/** Longest line of a client, in bytes without its newline. */
export const MAX_LINE_BYTES = 4096;

/** Most clients at a time. */
export const MAX_CLIENTS = 128;

/** Milliseconds that a client may leave an answer unread. */
export const UNREAD_TIMEOUT_MS = 30_000;

/** What the server says about itself. */
export interface Hello {
  readonly version: string;
  readonly pid: number;
}

/** What precedes an answer. */
export interface ReplyHead {
  /** Bytes of text that follow. */
  readonly bytes: number;
  /** The current group. */
  readonly group: number;
  readonly failed: boolean;
  /** The session is over after this answer: by `quit`, by `kill`, or for breaking a limit. */
  readonly over?: "quit" | "stop" | "limit";
}

/**
 * Splits a stream of bytes into lines.
 *
 * @param chunks The bytes.
 * @param maxBytes Longest line; a longer one ends everything with `undefined`.
 * @returns Lines without newlines; a last line need not have one.
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
