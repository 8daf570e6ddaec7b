import { parseArgs } from "@std/cli/parse-args";
import { normalizeOptions } from "./getopt.ts";
import { OPTIONS } from "./option_table.ts";

/** A command line split into options and operands. A plain record. */
export interface Arguments {
  /** Options without an argument that were given, without dashes. */
  readonly flags: ReadonlySet<string>;
  /**
   * Options with an argument that were given; the last one counts. Those that may be repeated are
   * joined with commas.
   */
  readonly values: ReadonlyMap<string, string>;
  /** Everything else, in order. */
  readonly operands: readonly string[];
}

const TAKES_ARGUMENT = new Map<string, boolean>(
  OPTIONS.map(({ name, argument }) => [name, argument !== undefined]),
);
const NAMES = [...TAKES_ARGUMENT.keys()];
const FLAGS = NAMES.filter((name) => !TAKES_ARGUMENT.get(name));
const REPEATABLE = OPTIONS.filter(({ repeatable }) => repeatable).map(({ name }) => name);
const WITH_ARGUMENT = NAMES.filter((name) => TAKES_ARGUMENT.get(name));

/**
 * Splits a command line (without the program's name) into options and operands. Pure.
 *
 * @throws {UsageError} If an option is unknown or its argument is missing.
 */
export function parseArguments(argv: readonly string[]): Arguments {
  const args = parseArgs(normalizeOptions(argv, TAKES_ARGUMENT), {
    string: WITH_ARGUMENT,
    boolean: FLAGS,
    collect: REPEATABLE,
    "--": true,
  });
  const values = new Map<string, string>();
  for (const name of WITH_ARGUMENT) {
    const value = args[name];
    if (typeof value === "string") values.set(name, value);
    if (Array.isArray(value) && value.length > 0) values.set(name, value.join(","));
  }
  return {
    flags: new Set(FLAGS.filter((name) => args[name] === true)),
    values,
    operands: args["--"] ?? [],
  };
}
