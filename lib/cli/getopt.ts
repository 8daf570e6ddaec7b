import { closest } from "../address/closest.ts";
import { suggestion } from "../address/faults.ts";
import { UsageError } from "../base/errors.ts";
import { type Given, longNames, type Spellings } from "../config_file/given.ts";
import { wrongUsage } from "./usage_error.ts";

/**
 * Splits a command line into options and operands as getopt(3) does for 3.35: bundled letters with
 * an attached argument, arguments that start with a dash, options after the port, and its messages.
 * Pure.
 *
 * @param argv Arguments without the program's name.
 * @param spellings All options, letters and long names.
 * @returns In order.
 * @throws {UsageError} If an option is unknown, or its argument is missing or not allowed.
 */
export function splitOptions(argv: readonly string[], spellings: Spellings): Given[] {
  const found: Given[] = [], rest = [...argv];
  const operand = (value: string) => found.push({ value, written: value });
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") {
      rest.forEach(operand);
      break;
    } else if (arg.startsWith("--")) long(arg.slice(2));
    else if (arg.startsWith("-") && arg !== "-") letters(arg.slice(1));
    else operand(arg);
  }
  return found;

  function letters(bundle: string): void {
    const all = [...bundle];
    for (const [i, letter] of all.entries()) {
      const option = spellings.get(letter), written = `-${letter}`;
      if (option === undefined) throw unknownLetter(letter, bundle, spellings);
      if (option.takesArgument) {
        const value = all.slice(i + 1).join("") || rest.shift();
        if (value === undefined) throw wrongUsage(`option requires an argument -- '${letter}'`);
        found.push({ name: option.name, value, written });
        return;
      }
      found.push({ name: option.name, written });
    }
  }

  function long(text: string): void {
    const [name = "", ...parts] = text.split("=");
    const given = parts.length > 0 ? parts.join("=") : undefined;
    const option = name.length > 1 ? spellings.get(name) : undefined;
    if (option === undefined) throw unknownName(name, spellings);
    const written = `--${name}`;
    if (!option.takesArgument) {
      if (given !== undefined) throw wrongUsage(`option '${written}' doesn't allow an argument`);
      found.push({ name: option.name, written });
      return;
    }
    const value = given ?? rest.shift();
    if (value === undefined) throw wrongUsage(`option '${written}' requires an argument`);
    found.push({ name: option.name, value, written });
  }
}

/** Letters that other programs have for these options. */
const USUAL: Readonly<Record<string, string>> = { h: "--help", v: "--version", V: "--version" };

function unknownLetter(letter: string, bundle: string, spellings: Spellings): UsageError {
  // A dash is missing in -workers=4.
  const word = bundle.replace(/=.*/s, "");
  const meant = longNames(spellings).includes(word) ? `--${word}` : USUAL[letter] ??
    // The manual of 3.35 had -F for -f.
    (spellings.has(letter.toLowerCase()) ? `-${letter.toLowerCase()}` : undefined);
  return wrongUsage(`invalid option -- '${letter}'`, suggestion(meant));
}

function unknownName(name: string, spellings: Spellings): UsageError {
  const meant = spellings.has(name) ? name : closest(name, longNames(spellings));
  const dashed = meant && (meant.length > 1 ? `--${meant}` : `-${meant}`);
  return wrongUsage(`unrecognized option '--${name}'`, suggestion(dashed));
}
