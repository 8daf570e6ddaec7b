/**
 * Synchronous printing. Each call writes everything before it returns, and a closed stdout or
 * stderr is not an error.
 */

import { writeAllSync } from "../base/bytes.ts";

const encoder = new TextEncoder();

/**
 * Prints to stderr.
 *
 * @param text What to print, newline included.
 */
export function printError(text: string): void {
  printAll(Deno.stderr, encoder.encode(text));
}

/**
 * Prints a line to stderr in one write, so that lines of several isolates do not mix.
 *
 * @param line The line without its newline.
 */
export function printErrorLine(line: string): void {
  printError(`${line}\n`);
}

/**
 * Prints to stdout.
 *
 * @param text What to print, newline included.
 */
export function print(text: string): void {
  printAll(Deno.stdout, encoder.encode(text));
}

/**
 * Prints bytes to stdout.
 *
 * @param bytes What to print.
 */
export function printBytes(bytes: Uint8Array): void {
  printAll(Deno.stdout, bytes);
}

function printAll(to: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  try {
    writeAllSync(to, bytes);
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.BadResource)) {
      throw error;
    }
  }
}
