/** `--dump-match`: a regular expression over the bytes of a connection. Pure. */

import { messageOf, UsageError } from "../base/errors.ts";
import type { Side } from "../base/side.ts";

/** Decides for each chunk of one connection, in order, whether it is shown. */
export type ChunkMatcher = (direction: Side, bytes: Uint8Array) => boolean;

/** A match over two chunks may include this many bytes of each of them. */
const MATCH_REACH = 1024;
/** Maximum number of arguments in one call of `String.fromCharCode`. */
const CHARS_AT_ONCE = 4096;

/**
 * Parses a regular expression (ECMAScript) over bytes: `\xff` is the byte 255, `.` is any byte, `^`
 * and `$` match at the start and end of a chunk or of a line in it. A non-ASCII character matches
 * its bytes in UTF-8, except in `[...]`.
 *
 * A chunk matches if it contains a match, or the end of a match that starts in earlier chunks of
 * the same direction, with at most 1024 bytes on either side. So it rarely matters how the bytes
 * were cut into chunks.
 *
 * @returns Creates the matcher of one connection, which keeps the last bytes of each direction.
 * @throws {UsageError} If it is invalid.
 */
export function parseMatch(text: string): () => ChunkMatcher {
  // deno-lint-ignore no-control-regex
  const source = text.replace(/[^\x00-\x7f]+/g, (characters) => {
    const bytes = new TextEncoder().encode(characters);
    return `(?:${Array.from(bytes, (byte) => `\\x${byte.toString(16)}`).join("")})`;
  });
  let pattern: RegExp;
  try {
    pattern = new RegExp(source, "gms");
  } catch (error) {
    // The last part of V8's message, without the expression.
    const reason = messageOf(error).split(": ").at(-1);
    throw new UsageError(`invalid regular expression [${text}]: ${reason}`);
  }
  return () => {
    const before: Record<Side, string> = { client: "", backend: "" };
    return (direction, bytes) => {
      const earlier = before[direction];
      const chunk = latin1(bytes);
      before[direction] = (earlier + chunk).slice(-MATCH_REACH);
      return endsAfter(pattern, chunk, 0) ||
        earlier !== "" && endsAfter(pattern, earlier + chunk.slice(0, MATCH_REACH), earlier.length);
    };
  };
}

/** Whether a match ends after an index. For index 0, an empty match at 0 counts, too. */
function endsAfter(pattern: RegExp, text: string, index: number): boolean {
  pattern.lastIndex = 0;
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
    if (pattern.lastIndex > index || index === 0) return true;
    if (found[0] === "") pattern.lastIndex++;
  }
  return false;
}

/** Bytes as characters of the same value. (The "latin1" of TextDecoder is windows-1252.) */
function latin1(bytes: Uint8Array): string {
  if (bytes.length <= CHARS_AT_ONCE) return String.fromCharCode(...bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += CHARS_AT_ONCE) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHARS_AT_ONCE));
  }
  return text;
}
