import { NAME, VERSION } from "../base/version.ts";
import { OPTIONS } from "./option_table.ts";

/**
 * The usage text: on stderr after a wrong command line, on stdout for `--help`.
 *
 * As in 3.35 it begins with an empty line, then the program's name and version.
 */
export function usage(): string {
  const rows = OPTIONS.map(({ name, argument, help }) => {
    const option = name.length === 1 ? `-${name}` : `--${name}`;
    return `  ${`${option}${argument === undefined ? "" : ` ${argument}`}`.padEnd(20)} ${help}`;
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

example: ${NAME} smtp mail1 mail2 ! backup:2525
`;
}
