/** Whether and how a dump can continue a file that an earlier one has written. */

import { NO_BYTES } from "../base/bytes.ts";
import type { DumpFormatName } from "./formats/format.ts";
import { isBlockHead, isPcapngStart, MIN_BLOCK_BYTES } from "./formats/pcapng_blocks.ts";

const NEWLINE = 10;

/**
 * Whether a file may be appended to: it is a regular file of this user and, if it is a link, this
 * user made it. In a folder like `/tmp`, another user might have put something else there.
 *
 * @param path Something that exists.
 */
export async function isOwnFile(path: string): Promise<boolean> {
  const me = Deno.uid();
  const [itself, target] = await Promise.all([Deno.lstat(path), Deno.stat(path)]);
  return target.isFile && itself.uid === me && target.uid === me;
}

/**
 * What has to be written before the next record of a file, so that readers understand both parts: a
 * newline if the last line is incomplete.
 *
 * @returns `undefined` if the file cannot be continued: it is not pcapng, or its last block is
 *     incomplete.
 */
export async function continuation(
  path: string,
  format: DumpFormatName,
): Promise<Uint8Array | undefined> {
  using file = await Deno.open(path, { read: true });
  const { size } = await file.stat();
  if (size === 0) return NO_BYTES;
  if (format !== "pcapng") {
    const [last] = await bytesAt(file, size - 1, 1);
    return last === NEWLINE ? NO_BYTES : Uint8Array.of(NEWLINE);
  }
  if (size < MIN_BLOCK_BYTES || !isPcapngStart(await bytesAt(file, 0, MIN_BLOCK_BYTES))) {
    return undefined;
  }
  const end = await bytesAt(file, size - 4, 4);
  const length = new DataView(end.buffer).getUint32(0, true);
  if (length < MIN_BLOCK_BYTES || length > size) return undefined;
  return isBlockHead(await bytesAt(file, size - length, 8), length) ? NO_BYTES : undefined;
}

async function bytesAt(
  file: Deno.FsFile,
  at: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  await file.seek(at, Deno.SeekMode.Start);
  for (let read = 0; read < length;) {
    const n = await file.read(bytes.subarray(read));
    if (n === null) break;
    read += n;
  }
  return bytes;
}
