/** Errors of the dump that the command line starts. */

import { EXIT, ExitError, messageOf, UsageError, withName } from "../base/errors.ts";
import { STDOUT } from "../base/stdout.ts";
import type { DumpSettings } from "../dump/settings.ts";

/** The error that ends the program if the dump of the command line cannot start. */
export function startError(error: unknown, settings: DumpSettings): ExitError {
  // The same as when the reader exits later.
  if (hasReaderExited(error, settings)) return new ExitError("", EXIT.ok);
  const line = withName(messageOf(error));
  return error instanceof UsageError
    ? new UsageError(line, "dump-file")
    : new ExitError(line, EXIT.canNotCreate, "dump-file");
}

/** Whether an error means that the reader of standard output has exited. */
export function hasReaderExited(error: unknown, { file }: DumpSettings): boolean {
  return file === STDOUT && error instanceof Error &&
    error.cause instanceof Deno.errors.BrokenPipe;
}
