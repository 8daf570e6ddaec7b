const encoder = new TextEncoder();

/**
 * Prints on stderr, whole and at once; a reader that is gone is no error.
 *
 * @param text What to print, newline included.
 */
export function printError(text: string): void {
  writeAllSync(Deno.stderr, encoder.encode(text));
}

/**
 * Prints a line on stderr, whole and at once, so that those of several isolates never mix.
 *
 * @param line What to print, without its newline.
 */
export function printErrorLine(line: string): void {
  printError(`${line}\n`);
}

/**
 * Prints on stdout, whole and at once; a reader that is gone is no error.
 *
 * @param text What to print, newline included.
 */
export function print(text: string): void {
  writeAllSync(Deno.stdout, encoder.encode(text));
}

/**
 * Prints bytes on stdout, whole and at once; a reader that is gone is no error.
 *
 * @param bytes What to print.
 */
export function printBytes(bytes: Uint8Array): void {
  writeAllSync(Deno.stdout, bytes);
}

function writeAllSync(
  to: { writeSync(bytes: Uint8Array): number },
  bytes: Uint8Array,
): void {
  try {
    for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.BadResource)) {
      throw error;
    }
  }
}
