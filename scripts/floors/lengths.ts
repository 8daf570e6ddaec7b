/** Maximum number of lines of a file, and of a function. */
export const MAX_FILE = 300, MAX_FUNCTION = 80;

/** With this in its first comment, followed by the reason, a file may exceed the limits. */
export const EXCUSE = "Long because";

const WITHOUT = `without a reason ("${EXCUSE}")`;

/** The end of a line that may open the body of a function; objects and types follow an operator. */
const OPENS = /[^\s=,:|&?(\[] \{( *\/[/*].*)?$/;

/** Lines that end like that and open something else: a declaration or a list of imports. */
const NO_FUNCTION = [
  /^\s*((export|default|declare|abstract) )*(class|interface|enum|namespace|module)\b(?!\()/,
  /^\s*(> )?(extends|implements) /,
  /^(import|export)( type| default)? \{/,
];

/** Whether a file and its functions are too long, one line for each. */
export function longParts(file: string, text: string): string[] {
  if (firstComment(text).includes(EXCUSE)) return [];
  const lines = text.trimEnd().split("\n");
  const problems = longFunctions(lines).map(({ at, length }) =>
    `${file}:${at}: a function of ${length} lines, at most ${MAX_FUNCTION} ${WITHOUT}`
  );
  if (lines.length > MAX_FILE) {
    problems.push(`${file}: ${lines.length} lines, at most ${MAX_FILE} ${WITHOUT}`);
  }
  return problems;
}

/** The first comment of a source text, with its comment marks; empty without a comment. */
export function firstComment(text: string): string {
  return /\/\*[\s\S]*?\*\/|(^\/\/.*\n?)+/m.exec(text)?.[0] ?? "";
}

/**
 * Finds long functions by indentation, which deno fmt guarantees: a body ends at the first line
 * that is indented like its head and starts with a closing brace. Blocks of `if` and `for` match
 * too; a long one is inside a function that is even longer.
 */
function longFunctions(lines: readonly string[]): { at: number; length: number }[] {
  const found: { at: number; length: number }[] = [];
  for (const [index, line] of lines.entries()) {
    if (!OPENS.test(line) || NO_FUNCTION.some((pattern) => pattern.test(line))) continue;
    const end = `${indentOfHead(line)}}`;
    const rest = lines.slice(index + 1).findIndex((other) => other.startsWith(end));
    const length = rest + 2;
    if (length > MAX_FUNCTION) found.push({ at: index + 1, length });
  }
  return found;
}

/** The indentation of a function whose body a line opens; a union is indented one step more. */
function indentOfHead(line: string): string {
  const indent = /^ */.exec(line)?.[0] ?? "";
  return /^ *[|&] /.test(line) ? indent.slice(2) : indent;
}
