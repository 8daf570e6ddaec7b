import { sha256 } from "./digest.ts";
import { CompileError } from "./error.ts";

/** Length of what closes a program compiled with Deno 2.6 on Linux, in bytes. */
export const TRAILER_LENGTH = 24;

/** First eight bytes of the trailer, and of the payload. */
export const MAGIC = "d3n0l4nd";

/**
 * The runtime stub inside a program that `deno compile` of Deno 2.6 made for Linux.
 *
 * Such a file is the stub, a payload, and a trailer of 24 bytes: the magic `d3n0l4nd`, 8 bytes that
 * do not matter here, and a length in bytes as a 64-bit little-endian number. What is cut away is
 * as many bytes as the length says, and the trailer. Since the length counts the trailer as well,
 * the last 24 bytes of the original stub go too: the end of its table of sections, which linkers
 * and debuggers read but nothing does at run time.
 *
 * @returns A view of the same bytes.
 * @throws {CompileError} if there is no such trailer, or its length does not lead to a payload.
 */
export function cutStub<B extends ArrayBufferLike>(program: Uint8Array<B>): Uint8Array<B> {
  const trailer = program.length - TRAILER_LENGTH;
  if (trailer < 0 || latin1(program.subarray(trailer, trailer + 8)) !== MAGIC) {
    throw new CompileError("Cannot cut the runtime stub out: no trailer of a compiled program");
  }
  const view = new DataView(program.buffer, program.byteOffset + trailer, TRAILER_LENGTH);
  const length = view.getBigUint64(16, true);
  const payload = Number(BigInt(program.length) - length);
  if (
    payload <= TRAILER_LENGTH || payload >= trailer ||
    latin1(program.subarray(payload, payload + 8)) !== MAGIC
  ) {
    throw new CompileError(
      `Cannot cut the runtime stub out: no payload of [${length}] bytes in a file of ` +
        `${program.length}`,
    );
  }
  return program.subarray(0, payload - TRAILER_LENGTH);
}

/**
 * Checks bytes against a pinned digest.
 *
 * @param expected SHA-256, 64 lower-case hexadecimal digits.
 * @throws {CompileError} naming both digests.
 */
export async function checkDigest(
  bytes: Uint8Array<ArrayBuffer>,
  { expected, what }: { expected: string; what: string },
): Promise<void> {
  const found = await sha256(bytes);
  if (found !== expected) {
    throw new CompileError(`Refused [${what}]: SHA-256 is ${found}, expected ${expected}`);
  }
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
