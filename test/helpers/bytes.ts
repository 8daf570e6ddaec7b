/**
 * Bytes for tests: reproducible random ones, and comparing many of them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";

/** @returns The bytes, or the text in UTF-8. */
export function toBytes(data: Uint8Array<ArrayBuffer> | string): Uint8Array<ArrayBuffer> {
  return typeof data === "string" ? new TextEncoder().encode(data) : data;
}

/** @returns SHA-256 in hexadecimal. */
export function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** Asserts equality by length and SHA-256, for more bytes than a readable diff can show. */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array): void {
  assertEquals([actual.length, sha256(actual)], [expected.length, sha256(expected)]);
}

/**
 * Bytes without a pattern, the same for the same seed (xorshift32).
 *
 * @param seed Any integer.
 */
export function randomBytes(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  const next = randomNumbers(seed);
  for (let i = 0; i < words.length; i++) words[i] = next();
  return new Uint8Array(words.buffer, 0, length);
}

/** @returns A function that returns pseudorandom integers in 0..2^32-1, the same for one seed. */
export function randomNumbers(seed: number): () => number {
  let x = (seed * 2654435761 + 0x9e3779b9) >>> 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>>= 0;
  };
}
