import { concat } from "@std/bytes/concat";

/** No bytes at all. */
export const NO_BYTES = new Uint8Array(0);

/** Joins pieces into one array. A single piece is returned as it is, without a copy. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  return pieces.length <= 1 ? pieces[0] ?? NO_BYTES : concat(pieces);
}

/** Writes all bytes, with as many calls as it takes. They must not change until it resolves. */
export async function writeAll(
  to: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

/** Writes all bytes before it returns; see {@link writeAll}. */
export function writeAllSync(
  to: { writeSync(bytes: Uint8Array): number },
  bytes: Uint8Array,
): void {
  for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
}
