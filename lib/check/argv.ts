import parse from "shell-quote";
import { SpecError } from "./spec_error.ts";

/** Stands for `$` while a command is split; no argument can contain it. */
const DOLLAR = "\0";

/**
 * Splits a command at blanks as a shell does, with its quotes and backslashes, but expands nothing:
 * `$HOME` and `*` stay as they are.
 *
 * @returns The program and its arguments.
 * @throws {SpecError} If there is no program, a quote is not closed, or the command has something
 *     that only a shell can do, such as `|`.
 */
export function splitCommand(command: string): string[] {
  if (command.includes(DOLLAR)) throw new SpecError("an argument cannot contain a NUL byte");
  const open = openQuote(command);
  if (open !== undefined) throw new SpecError(`the quote ${open} is not closed`);
  // An escaped `$` is safe already. Without this, `${` or `$'` would be syntax.
  const safe = command.replace(/\\.|\$/gs, (found) => found === "$" ? DOLLAR : found);
  const words = parse(safe).map((entry) => {
    if (typeof entry === "string") return entry.replaceAll(DOLLAR, "$");
    if ("comment" in entry) throw new SpecError("a command has no comment; quote the #");
    if (entry.op === "glob") return (entry as { pattern: string }).pattern.replaceAll(DOLLAR, "$");
    throw new SpecError(`there is no shell: quote ${entry.op}, or run sh -c '...'`);
  });
  if (words.length === 0 || words[0] === "") throw new SpecError("the command is missing");
  return words;
}

/** The quote that a command leaves open, which shell-quote would ignore. */
function openQuote(command: string): string | undefined {
  const rest = command.replace(/\\.|'[^']*'|"(?:\\.|[^"\\])*"/gs, "");
  return /['"]/.exec(rest)?.[0] ?? (rest.endsWith("\\") ? "\\" : undefined);
}
