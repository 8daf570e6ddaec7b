import { closest } from "../address/closest.ts";
import { suggestion } from "../address/faults.ts";
import { UsageError } from "../base/errors.ts";
import { wrongUsage } from "./usage_error.ts";

/**
 * Rewrites a command line so that every option stands alone and carries its own argument:
 * `-ft2 8080 -d host` becomes `--f --t=2 --d -- 8080 host`.
 *
 * This is what getopt(3) does for 3.35 and `parseArgs` of `@std/cli` cannot: bundled letters with
 * an attached argument, arguments that start with a dash, options after the port, and the messages
 * of getopt(3). Pure.
 *
 * @param names All options, letters and long names, and whether each takes an argument.
 * @returns Arguments for `parseArgs`.
 * @throws {UsageError} If an option is unknown, or its argument is missing or not allowed.
 */
export function normalizeOptions(
  argv: readonly string[],
  names: Names,
): string[] {
  const options: string[] = [], operands: string[] = [], rest = [...argv];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") {
      operands.push(...rest);
      break;
    } else if (arg.startsWith("--")) options.push(long(arg));
    else if (arg.startsWith("-") && arg !== "-") letters(arg.slice(1));
    else operands.push(arg);
  }
  return [...options, "--", ...operands];

  function letters(bundle: string): void {
    const all = [...bundle];
    for (const [i, letter] of all.entries()) {
      const takesArgument = names.get(letter);
      if (takesArgument === undefined) throw unknownLetter(letter, bundle, names);
      if (takesArgument) {
        const value = all.slice(i + 1).join("") || rest.shift();
        if (value === undefined) throw wrongUsage(`option requires an argument -- '${letter}'`);
        options.push(`--${letter}=${value}`);
        return;
      }
      options.push(`--${letter}`);
    }
  }

  function long(arg: string): string {
    const [name = "", ...parts] = arg.slice(2).split("=");
    const given = parts.length > 0 ? parts.join("=") : undefined;
    const takesArgument = name.length > 1 ? names.get(name) : undefined;
    if (takesArgument === undefined) throw unknownName(name, names);
    if (!takesArgument) {
      if (given === undefined) return arg;
      throw wrongUsage(`option '--${name}' doesn't allow an argument`);
    }
    const value = given ?? rest.shift();
    if (value === undefined) throw wrongUsage(`option '--${name}' requires an argument`);
    return `--${name}=${value}`;
  }
}

type Names = ReadonlyMap<string, boolean>;

const longNames = (names: Names): string[] => [...names.keys()].filter((name) => name.length > 1);

/** Letters that other programs have for these options. */
const USUAL: Readonly<Record<string, string>> = { h: "--help", v: "--version", V: "--version" };

function unknownLetter(letter: string, bundle: string, names: Names): UsageError {
  // A dash is missing in -workers=4.
  const word = bundle.replace(/=.*/s, "");
  const meant = longNames(names).includes(word) ? `--${word}` : USUAL[letter] ??
    // The manual of 3.35 had -F for -f.
    (names.has(letter.toLowerCase()) ? `-${letter.toLowerCase()}` : undefined);
  return wrongUsage(`invalid option -- '${letter}'`, suggestion(meant));
}

function unknownName(name: string, names: Names): UsageError {
  const meant = names.has(name) ? name : closest(name, longNames(names));
  const dashed = meant && (meant.length > 1 ? `--${meant}` : `-${meant}`);
  return wrongUsage(`unrecognized option '--${name}'`, suggestion(dashed));
}
