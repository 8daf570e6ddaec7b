import { UsageError, withName } from "../base/errors.ts";
import { NAME } from "../base/version.ts";

/** Where to read about the command line, for errors about its form. */
const TRY_HELP = ` (try ${NAME} --help)`;

/**
 * An error about the form of the command line: one line with the name of the program.
 *
 * @param hint What to do, after a blank. @default the pointer to `--help`
 */
export function wrongUsage(reason: string, hint = ""): UsageError {
  return new UsageError(withName(`${reason}${hint || TRY_HELP}`));
}
