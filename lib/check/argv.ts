import parse from "shell-quote";
import { SpecError } from "./spec_error.ts";

/** Stand for `$` and `#` while a command is split; no argument can contain a NUL. */
const DOLLAR = "\0d", HASH = "\0h";

/**
 * Splits a command at blanks as a shell does, with its quotes and backslashes, but expands nothing:
 * `$HOME`, `*` and `#` stay as they are.
 *
 * @returns The program and its arguments.
 * @throws {SpecError} If there is no program, a quote is not closed, or the command has something
 *     that only a shell can do, such as `|`.
 */
export function splitCommand(command: string): string[] {
  if (command.includes("\0")) throw new SpecError("an argument cannot contain a NUL byte");
  requireClosedQuotes(command);
  // Otherwise `$`, `${` and `$'` would be syntax, and `#` a comment. `\$` and `\#` are safe.
  const safe = command.replace(/\\[^#]|[$#]/gs, (found) => {
    return found === "$" ? DOLLAR : found === "#" ? HASH : found;
  });
  const words = parse(safe).map((entry) => {
    if (typeof entry === "string") return restored(entry);
    if ("pattern" in entry) return restored(entry.pattern);
    const { op } = entry as { op: string };
    throw new SpecError(`no shell is used: quote ${op}, or run sh -c '...'`);
  });
  const [program = ""] = words;
  if (program === "") throw new SpecError("the command is missing");
  // In the background, the working directory is /.
  if (program.includes("/") && !program.startsWith("/")) {
    throw new SpecError(`the path [${program}] is not absolute`);
  }
  return words;
}

function restored(word: string): string {
  return word.replaceAll(DOLLAR, "$").replaceAll(HASH, "#");
}

/** What shell-quote would ignore. */
function requireClosedQuotes(command: string): void {
  const rest = command.replace(/\\.|'[^']*'|"(?:\\.|[^"\\])*"/gs, "");
  const open = /['"]/.exec(rest)?.[0];
  if (open !== undefined) throw new SpecError(`the quote ${open} is not closed`);
  if (rest.endsWith("\\")) throw new SpecError("a single backslash ends the command");
}
