import { ScriptError } from "../system/script_error.ts";

/** Length of the trailer of a program compiled with Deno 2.6 on Linux, in bytes. */
export const TRAILER_LENGTH = 24;

/** First eight bytes of the trailer, and of the payload. */
export const MAGIC = "d3n0l4nd";

/**
 * Cuts the runtime stub out of a program that `deno compile` of Deno 2.6 made for Linux.
 *
 * Such a file is the stub, a payload, and a trailer of 24 bytes: the magic `d3n0l4nd`, 8 unused
 * bytes, and a length in bytes as a 64-bit little-endian number. The length counts the trailer, but
 * this cuts off that length and the trailer, so the last 24 bytes of the original stub are lost.
 * They are the end of its section table, which linkers and debuggers read but the loader does not.
 *
 * @returns A view of the same bytes.
 * @throws {ScriptError} if there is no trailer, or its length does not lead to a payload.
 */
export function cutStub<B extends ArrayBufferLike>(program: Uint8Array<B>): Uint8Array<B> {
  const trailer = program.length - TRAILER_LENGTH;
  if (trailer < 0 || latin1(program.subarray(trailer, trailer + 8)) !== MAGIC) {
    throw new ScriptError("Cannot cut the runtime stub out: no trailer of a compiled program");
  }
  const view = new DataView(program.buffer, program.byteOffset + trailer, TRAILER_LENGTH);
  const length = view.getBigUint64(16, true);
  const payload = Number(BigInt(program.length) - length);
  if (
    payload <= TRAILER_LENGTH || payload >= trailer ||
    latin1(program.subarray(payload, payload + 8)) !== MAGIC
  ) {
    throw new ScriptError(
      `Cannot cut the runtime stub out: no payload of [${length}] bytes in a file of ` +
        `${program.length}`,
    );
  }
  return program.subarray(0, payload - TRAILER_LENGTH);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
