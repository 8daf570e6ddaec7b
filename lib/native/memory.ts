/** Memory as C sees it: strings that end with NUL, arrays of addresses, and reading from addresses. */

import type { CLibrary } from "./c_library.ts";

/**
 * A buffer for C. V8 may move a small typed array, but not one on an `ArrayBuffer` of its own.
 */
export type Fixed = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();

/** A new buffer of zeros that does not move. */
export function fixed(size: number): Fixed {
  return new Uint8Array(new ArrayBuffer(size));
}

/** A C string: the text and NUL. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${text}\0`);
}

/**
 * Strings as `execve` takes them: an array of addresses that ends with a null pointer, followed by
 * the strings. All of it is one buffer, which lives as long as the call that it is passed to.
 */
export function stringArray(c: CLibrary, strings: readonly Uint8Array[]): Fixed {
  const head = 8 * (strings.length + 1);
  const size = strings.reduce((sum, { length }) => sum + length + 1, head);
  const block = fixed(size);
  const start = c.memmove(block, block, 0n);
  const table = new BigUint64Array(block.buffer, 0, strings.length);
  let at = head;
  strings.forEach((string, index) => {
    table[index] = start + BigInt(at);
    block.set(string, at);
    at += string.length + 1;
  });
  return block;
}

/** The bytes of the C string at an address. */
export function stringAt(c: CLibrary, address: bigint): Uint8Array {
  const bytes = fixed(Number(c.strlen(address)));
  c.memcpy(bytes, address, BigInt(bytes.length));
  return bytes;
}

/** The C strings of an array that ends with a null pointer. */
export function stringsAt(c: CLibrary, address: bigint): Uint8Array[] {
  const strings: Uint8Array[] = [];
  const entry = new BigUint64Array(fixed(8).buffer);
  for (let at = address;; at += 8n) {
    c.memcpy(entry, at, 8n);
    const [string = 0n] = entry;
    if (string === 0n) return strings;
    strings.push(stringAt(c, string));
  }
}

const O_RDONLY = 0, O_CLOEXEC = 0o2000000;

/**
 * Reads a file of /proc/self (Linux), which Deno allows only to programs with all permissions.
 *
 * @returns `undefined` if it cannot be read, for example because /proc is not mounted.
 */
export function readProc(c: CLibrary, name: string): Uint8Array | undefined {
  const file = c.open(cString(`/proc/self/${name}`), O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) return undefined;
  let content = fixed(65536), length = 0;
  try {
    for (;;) {
      const count = Number(c.read(file, content.subarray(length), BigInt(content.length - length)));
      if (count < 0) return undefined;
      if (count === 0) return content.subarray(0, length);
      length += count;
      if (length === content.length) {
        const larger = fixed(2 * length);
        larger.set(content);
        content = larger;
      }
    }
  } finally {
    c.close(file);
  }
}
