/**
 * Splits the text of control commands. A word may be quoted, as in the shell: `'GET /a b'`, or
 * `"say \"hi\""`, where a backslash escapes a double quote or a backslash. Quotes inside a word,
 * as in `{"id":1}`, are ordinary characters. Pure.
 */

import { UsageError } from "../../base/errors.ts";

const BLANKS = /[ \t\r\n]+/;
const QUOTED = `'[^']*'|"(?:[^"\\\\]|\\\\.)*"`;
const WORD = new RegExp(`(${QUOTED})(?![^ \\t\\r\\n])|[^ \\t\\r\\n]+`, "gs");
const PIECE = new RegExp(`(?<![^ \\t\\r\\n;])(?:${QUOTED})(?![^ \\t\\r\\n;])|[^]`, "g");

/** Splits at spaces, tabs and line ends. Quotes are ordinary characters. */
export function splitWords(text: string): string[] {
  return text.split(BLANKS).filter(Boolean);
}

/**
 * Splits at spaces, tabs and line ends outside of quoted words, and removes the quotes.
 *
 * @throws {UsageError} If a word starts with a quote and its end is missing.
 */
export function splitQuotedWords(text: string): string[] {
  return Array.from(text.matchAll(WORD), ([word, quoted]) => {
    const quote = word[0];
    if (quote !== "'" && quote !== '"') return word;
    if (quoted === undefined) throw new UsageError(`missing closing quote: ${word}`);
    const inside = quoted.slice(1, -1);
    return quote === "'" ? inside : inside.replace(/\\(["\\])/g, "$1");
  });
}

/**
 * Splits at semicolons and newlines outside of quoted words. The commands keep their spaces and
 * quotes.
 */
export function splitCommands(text: string): string[] {
  const commands = [""];
  for (const [piece] of text.matchAll(PIECE)) {
    if (piece === ";" || piece === "\n") commands.push("");
    else commands[commands.length - 1] += piece;
  }
  return commands;
}
