import { NAME, VERSION } from "../base/version.ts";
import { OPTIONS } from "./option_table.ts";

/** Columns of the names of options in the usage text; fits all that are not rare. */
const NAME_COLUMNS = 22;

/**
 * The usage text: on stderr after a wrong command line, on stdout for `--help`.
 *
 * As in 3.35, it starts with an empty line, then the name and the version of the program.
 */
export function usage(): string {
  const dashed = (name: string) => name.length === 1 ? `-${name}` : `--${name}`;
  const rare = OPTIONS.filter((option) => option.rare).map(({ name }) => dashed(name));
  const rows = OPTIONS.filter((option) => !option.rare).map(({ name, argument, help }) => {
    const option = `${dashed(name)}${argument === undefined ? "" : ` ${argument}`}`;
    return `  ${option.padEnd(NAME_COLUMNS)} ${help}`;
  });
  return `
${NAME} ${VERSION}

usage: ${NAME} [options] port [host[:port[:maxc]] ... [! | %]] ...
       ${NAME} [-b host] -i port
       ${NAME} [-b host] [--strict] -c cmd port

TCP load balancer with failover, a drop-in replacement for Inlab's balance.
Each connection on port goes to a channel (host:port, at most maxc connections)
of the first group that has one available; later groups are the backup. "!" ends
a round robin group, "%" a group that picks by hash of the client (sticky).

${rows.join("\n")}

More, see balance(1): ${wrapped(rare, "More, see balance(1): ".length)}

Example: ${NAME} smtp mail1 mail2 ! backup:2525
`;
}

/** Words as lines of at most 80 columns; `used` columns of the first line are taken. */
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
