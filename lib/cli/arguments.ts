import { parseArgs } from "@std/cli/parse-args";
import { NAME } from "../base/version.ts";
import { normalizeOptions } from "./getopt.ts";
import { OPTIONS } from "./option_table.ts";

/** A command line split into options and operands. A plain record. */
export interface Arguments {
  /** Options without an argument that were given, without dashes. */
  readonly flags: ReadonlySet<string>;
  /** Options with an argument that were given; the last one counts. */
  readonly values: ReadonlyMap<string, string>;
  /** Everything else, in order. */
  readonly operands: readonly string[];
}

/** Hidden option of the background process: the socket that its parent listens on. */
export const REPORT_OPTION = "report-to";

const FLAGS = OPTIONS.filter(({ argument }) => argument === undefined).map(({ name }) => name);
const WITH_ARGUMENT = [
  ...OPTIONS.filter(({ argument }) => argument !== undefined).map(({ name }) => name),
  REPORT_OPTION,
];
const ALL = [
  ...FLAGS.map((name) => ({ name, takesArgument: false })),
  ...WITH_ARGUMENT.map((name) => ({ name, takesArgument: true })),
];
const NAMES = {
  letters: Object.fromEntries(
    ALL.filter(({ name }) => name.length === 1).map((o) => [o.name, o.takesArgument]),
  ),
  long: Object.fromEntries(
    ALL.filter(({ name }) => name.length > 1).map((o) => [o.name, o.takesArgument]),
  ),
};

/**
 * Splits a command line into options and operands. Pure.
 *
 * @param argv Arguments without the program's name.
 * @throws {UsageError} If an option is unknown or its argument is missing.
 */
export function parseArguments(argv: readonly string[]): Arguments {
  const args = parseArgs(normalizeOptions(argv, NAMES, NAME), {
    string: WITH_ARGUMENT,
    boolean: FLAGS,
    "--": true,
  });
  const values = new Map<string, string>();
  for (const name of WITH_ARGUMENT) {
    const value = args[name];
    if (typeof value === "string") values.set(name, value);
  }
  return {
    flags: new Set(FLAGS.filter((name) => args[name] === true)),
    values,
    operands: args["--"] ?? [],
  };
}
