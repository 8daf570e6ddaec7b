/**
 * What getopt(3) does for 3.35 and `parseArgs` of `@std/cli` cannot: bundled letters with an
 * attached argument (`-ft2`), arguments that start with a dash, options after the port, and the
 * messages of getopt(3). Pure.
 */

import { UsageError } from "../base/errors.ts";

/** Which options take an argument. */
export interface OptionNames {
  /** Single letters; the value is whether an argument follows. */
  readonly letters: Readonly<Record<string, boolean>>;
  /** Long names; the value is whether an argument follows. */
  readonly long: Readonly<Record<string, boolean>>;
}

/**
 * Rewrites a command line so that every option stands alone and carries its own argument:
 * `-ft2 8080 -d host` becomes `--f --t=2 --d -- 8080 host`.
 *
 * @param argv The arguments.
 * @param names All options.
 * @param program The program's name, for messages.
 * @returns Arguments for `parseArgs`.
 * @throws {UsageError} If an option is unknown, or its argument is missing or not allowed.
 */
export function normalizeOptions(
  argv: readonly string[],
  names: OptionNames,
  program: string,
): string[] {
  const options: string[] = [];
  const operands: string[] = [];
  const rest = [...argv];
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
      const takesArgument = Object.hasOwn(names.letters, letter)
        ? names.letters[letter]
        : undefined;
      if (takesArgument === undefined) {
        throw new UsageError(`${program}: invalid option -- '${letter}'`, true);
      }
      if (!takesArgument) {
        options.push(`--${letter}`);
        continue;
      }
      const attached = all.slice(i + 1).join("");
      const value = attached === "" ? rest.shift() : attached;
      if (value === undefined) {
        throw new UsageError(`${program}: option requires an argument -- '${letter}'`, true);
      }
      options.push(`--${letter}=${value}`);
      return;
    }
  }

  function long(arg: string): string {
    const [name = "", ...parts] = arg.slice(2).split("=");
    const given = parts.length > 0 ? parts.join("=") : undefined;
    const takesArgument = Object.hasOwn(names.long, name) ? names.long[name] : undefined;
    if (takesArgument === undefined) {
      throw new UsageError(`${program}: unrecognized option '--${name}'`, true);
    }
    if (!takesArgument) {
      if (given === undefined) return `--${name}`;
      throw new UsageError(`${program}: option '--${name}' doesn't allow an argument`, true);
    }
    const value = given ?? rest.shift();
    if (value === undefined) {
      throw new UsageError(`${program}: option '--${name}' requires an argument`, true);
    }
    return `--${name}=${value}`;
  }
}
