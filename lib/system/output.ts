/**
 * Printing for a program that has nothing else to do, such as a control client: each call
 * writes everything before it returns, however slow the reader is. A program that serves uses
 * {@link LineQueue} instead.
 *
 * A reader that has exited is not an error.
 */

import { writeAllSync } from "../base/bytes.ts";
import { EXIT, ExitError, systemReason, withName } from "../base/errors.ts";

const encoder = new TextEncoder();

/** Standard output cannot be written to, for example because the disk is full (exit code 74). */
export class OutputError extends ExitError {
  override readonly name = "OutputError";

  /** @param cause The error of the write. */
  constructor(cause: unknown) {
    super(withName(`can't write to standard output: ${systemReason(cause)}`), EXIT.ioErr);
  }
}

/** Prints text to stderr as it is. Any error is ignored: there is nowhere left to report it. */
export function printError(text: string): void {
  try {
    writeAllSync(Deno.stderr, encoder.encode(text));
  } catch { /* there is nowhere to report it */ }
}

/** Prints a line to stderr. */
export function printErrorLine(line: string): void {
  printError(`${line}\n`);
}

/**
 * Prints text to stdout as it is.
 *
 * @throws {OutputError} If it cannot be written, unless the reader has exited.
 */
export function print(text: string): void {
  printBytes(encoder.encode(text));
}

/**
 * Prints bytes to stdout.
 *
 * @throws {OutputError} If they cannot be written, unless the reader has exited.
 */
export function printBytes(bytes: Uint8Array): void {
  try {
    writeAllSync(Deno.stdout, bytes);
  } catch (error) {
    if (!hasReaderExited(error)) throw new OutputError(error);
  }
}

/** Whether a write failed because the reader has exited. */
export function hasReaderExited(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.BadResource;
}
