import { UsageError, withName } from "../base/errors.ts";

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
  names: ReadonlyMap<string, boolean>,
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
      if (takesArgument === undefined) throw wrong(`invalid option -- '${letter}'`);
      if (takesArgument) {
        const value = all.slice(i + 1).join("") || rest.shift();
        if (value === undefined) throw wrong(`option requires an argument -- '${letter}'`);
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
    if (takesArgument === undefined) throw wrong(`unrecognized option '--${name}'`);
    if (!takesArgument) {
      if (given === undefined) return arg;
      throw wrong(`option '--${name}' doesn't allow an argument`);
    }
    const value = given ?? rest.shift();
    if (value === undefined) throw wrong(`option '--${name}' requires an argument`);
    return `--${name}=${value}`;
  }
}

function wrong(text: string): UsageError {
  return new UsageError(withName(text), true);
}
