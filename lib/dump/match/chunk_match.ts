/** `--dump-match`: a regular expression over the bytes of a connection. Pure. */

import { joinBytes, NO_BYTES } from "../../base/bytes.ts";
import { UsageError } from "../../base/errors.ts";
import type { Side } from "../../base/side.ts";
import { parsePattern, PatternError } from "./parse.ts";
import { compilePattern } from "./program.ts";
import { Search } from "./search.ts";

/** Decides for each chunk of one connection, in order, whether it is shown. */
export type ChunkMatcher = (direction: Side, bytes: Uint8Array) => boolean;

/** A match over two chunks may include this many bytes of each of them. */
const MATCH_REACH = 1024;

/**
 * Parses a regular expression over bytes: `\xff` is the byte 255, `.` is any byte, `^` and `$` match
 * at the start and end of a chunk or of a line in it. A non-ASCII character matches its bytes in
 * UTF-8. See `parse.ts` for the syntax.
 *
 * A chunk matches if it contains a match, or the end of a match that starts in earlier chunks of
 * the same direction, with at most 1024 bytes on either side. So it rarely matters how the bytes
 * were cut into chunks.
 *
 * The time for a chunk is proportional to its size, and bounded: a chunk whose search would take
 * much too long is shown.
 *
 * @returns Creates the matcher of one connection, which keeps the last bytes of each direction.
 * @throws {UsageError} If it is invalid; the message names what is wrong.
 */
export function parseMatch(text: string): () => ChunkMatcher {
  const search = new Search(compiled(text));
  return () => {
    const before: Record<Side, Uint8Array> = { client: NO_BYTES, backend: NO_BYTES };
    return (direction, bytes) => {
      const earlier = before[direction];
      // A byte more shows what follows.
      const joined = joinBytes([earlier, bytes.subarray(0, MATCH_REACH + 1)]);
      before[direction] = bytes.length >= MATCH_REACH
        ? bytes.slice(-MATCH_REACH)
        : joined.slice(-MATCH_REACH);
      return search.finds(bytes) || earlier.length > 0 &&
          search.finds(joined, { from: earlier.length + 1, isCut: bytes.length > MATCH_REACH });
    };
  };
}

function compiled(text: string): ReturnType<typeof compilePattern> {
  try {
    return compilePattern(parsePattern(text));
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new UsageError(`invalid regular expression [${text}]: ${error.message}`);
  }
}
