/** Regular expressions over bytes as trees, and sets of bytes. Pure. */

/** A set of bytes: 256 flags, 0 or 1. */
export type ByteSet = Uint8Array;

/** Positions that an expression may test. The end of the text also ends a line. */
export type Place =
  | "line start"
  | "line end"
  | "text start"
  | "text end"
  | "word boundary"
  | "no word boundary";

/** A parsed expression. */
export type Node =
  /** One byte of a set. */
  | { readonly type: "byte"; readonly set: ByteSet }
  /** No byte, but only at this position. */
  | { readonly type: "place"; readonly place: Place }
  /** One after the other; nothing at all if empty. */
  | { readonly type: "sequence"; readonly parts: readonly Node[] }
  /** Any of the parts, of which there is at least one. */
  | { readonly type: "choice"; readonly parts: readonly Node[] }
  /** `max` may be infinite. */
  | { readonly type: "repeat"; readonly part: Node; readonly min: number; readonly max: number };

const encoder = new TextEncoder();

/** The bytes for which a condition holds. */
export function byteSet(isIn: (byte: number) => boolean): ByteSet {
  return Uint8Array.from({ length: 256 }, (_, byte) => isIn(byte) ? 1 : 0);
}

/** The bytes from `low` to `high`, both included. */
export function byteRange(low: number, high = low): ByteSet {
  return byteSet((byte) => byte >= low && byte <= high);
}

/** The bytes in any of the sets. */
export function union(sets: readonly ByteSet[]): ByteSet {
  return byteSet((byte) => sets.some((set) => set[byte] === 1));
}

/** All other bytes. */
export function complement(set: ByteSet): ByteSet {
  return byteSet((byte) => set[byte] === 0);
}

/** Adds the other case of the ASCII letters. */
export function bothCases(set: ByteSet): ByteSet {
  return byteSet((byte) => set[byte] === 1 || isLetter(byte) && set[byte ^ 0x20] === 1);
}

/** Digits, ASCII letters and the underscore. */
export const WORD: ByteSet = byteSet((byte) =>
  byte >= 0x30 && byte <= 0x39 || isLetter(byte) || byte === 0x5f
);

/** The bytes of a character in UTF-8, one after the other. */
export function characterBytes(character: string): Node {
  const parts = Array.from(
    encoder.encode(character),
    (byte): Node => ({ type: "byte", set: byteRange(byte) }),
  );
  return parts.length === 1 ? parts[0]! : { type: "sequence", parts };
}

function isLetter(byte: number): boolean {
  const upper = byte & ~0x20;
  return upper >= 0x41 && upper <= 0x5a;
}
