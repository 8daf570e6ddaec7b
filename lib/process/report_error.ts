import { bugLine, EXIT, ExitError, withName } from "../base/errors.ts";
import { printable, shortened } from "../base/printable.ts";
import { print, printError } from "../system/output.ts";

/** Prints text as it is. */
type Print = (text: string) => void;

/**
 * Prints what ended the program, in one line.
 *
 * @param to How to print.
 * @returns The exit code; 70 after a bug in balance.
 * @throws {ExitError} If it belongs on standard output and cannot be written there.
 */
export function reportError(
  error: unknown,
  to: { stdout: Print; stderr: Print } = { stdout: print, stderr: printError },
): number {
  if (!(error instanceof ExitError)) {
    to.stderr(`${withName(bugLine(error))}\n`);
    return EXIT.software;
  }
  if (error.message !== "") to[error.stream](`${printable(shortened(error.message))}\n`);
  for (const line of error.hints) to.stderr(`${printable(line)}\n`);
  return error.exitCode;
}
