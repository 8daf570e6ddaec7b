/**
 * Synchronous printing: each call writes everything before it returns. A closed stdout or stderr is
 * not an error.
 */

import { writeAllSync } from "../base/bytes.ts";

const encoder = new TextEncoder();

/** Prints text to stderr as it is. */
export function printError(text: string): void {
  printAll(Deno.stderr, encoder.encode(text));
}

/** Prints a line to stderr in one write, so that lines of several isolates do not mix. */
export function printErrorLine(line: string): void {
  printError(`${line}\n`);
}

/** Prints text to stdout as it is. */
export function print(text: string): void {
  printBytes(encoder.encode(text));
}

/** Prints bytes to stdout. */
export function printBytes(bytes: Uint8Array): void {
  printAll(Deno.stdout, bytes);
}

function printAll(to: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  try {
    writeAllSync(to, bytes);
  } catch (error) {
    const isClosed = error instanceof Deno.errors.BrokenPipe ||
      error instanceof Deno.errors.BadResource;
    if (!isClosed) throw error;
  }
}
