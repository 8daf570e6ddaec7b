import { NAME, VERSION } from "../base/version.ts";
import { OPTIONS } from "./option_table.ts";

/**
 * The usage text: on stderr after a wrong command line, on stdout for `--help`.
 *
 * As in 3.35 it begins with an empty line, then the program's name and version.
 */
export function usage(): string {
  const dashed = (name: string) => name.length === 1 ? `-${name}` : `--${name}`;
  const rare = OPTIONS.filter((option) => option.rare).map(({ name }) => dashed(name));
  const rows = OPTIONS.filter((option) => !option.rare).map(({ name, argument, help }) => {
    const option = dashed(name);
    return `  ${`${option}${argument === undefined ? "" : ` ${argument}`}`.padEnd(24)} ${help}`;
  });
  return `
${NAME} ${VERSION}

usage: ${NAME} [options] port [host[:port[:maxc]] ... [! | %]] ...
       ${NAME} [-b addr] -i port
       ${NAME} [-b addr] -c cmd port

Forwards TCP connections to port to the channels of a group in turn. "!" ends a
group; when it has nothing left, the next one serves. "%" ends a group that is
chosen from by the hash of the client's address. maxc limits connections.

${rows.join("\n")}

More in the manual: ${wrapped(rare, "More in the manual: ".length)}

example: ${NAME} smtp mail1 mail2 ! backup:2525
`;
}

/** Words in lines of at most 80 columns, the first of which has some already. */
function wrapped(words: readonly string[], used: number): string {
  let text = "", column = used;
  for (const [i, word] of words.entries()) {
    const piece = i < words.length - 1 ? `${word}, ` : word;
    if (column + piece.length > 80) {
      text = `${text.trimEnd()}\n  `;
      column = 2;
    }
    text += piece;
    column += piece.length;
  }
  return text;
}
