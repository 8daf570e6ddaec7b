const PATH = new URL("../../scripts/package/balance.1", import.meta.url).pathname;

/** @returns The source of the manual page, in mdoc(7). */
export function source(): string {
  return Deno.readTextFileSync(PATH);
}

/**
 * One section of the manual page.
 *
 * @param title As in `.Sh TITLE`.
 * @throws {Error} If there is no such section.
 */
export function section(title: string): string {
  const text = source().split(/^\.Sh /m).find((part) => part.startsWith(`${title}\n`));
  if (text === undefined) throw new Error(`Cannot find the section ${title} of the manual page`);
  return text;
}

/** @returns The items of the numbered list in COMPATIBILITY; the first one has number 1. */
export function deviationItems(): string[] {
  const [, list = ""] = /^\.Bl -enum.*\n([^]*?)^\.El$/m.exec(section("COMPATIBILITY")) ?? [];
  return list.split(/^\.It\n/m).slice(1);
}

/** A command line of EXAMPLES and its output, if the manual page shows it. */
export interface Example {
  /** As typed. */
  readonly command: string;
  /** The lines that follow in the same display. */
  readonly shown: readonly string[];
}

/** @returns The examples in order: the text after `$ `, or in backquotes for MRTG. */
export function examples(): Example[] {
  const found: { command: string; shown: string[] }[] = [];
  let display = false;
  let last: string[] | undefined;
  for (const line of section("EXAMPLES").split("\n")) {
    if (/^\.[BE]d/.test(line)) {
      display = line.startsWith(".Bd");
      last = undefined;
      continue;
    }
    const text = line.startsWith(".Dl ") ? unescaped(line.slice(4)) : line;
    const command = /^\$ (.*)$/.exec(text)?.[1] ?? /^Target\S+ `(.*)`$/.exec(text)?.[1];
    if (command !== undefined) found.push({ command, shown: last = [] });
    else if (display) last?.push(line);
  }
  return found;
}

/** Replaces the escapes of mdoc(7) that EXAMPLES uses. */
function unescaped(text: string): string {
  return text.replaceAll("\\&", "").replaceAll("\\(dq", '"');
}
