import { NAME, VERSION } from "../base/version.ts";
import { dashed, namesOf, OPTIONS } from "./option_table.ts";

/** Width of the left column; every option that is not rare fits. */
const NAME_COLUMNS = 25;

/**
 * The usage text: on stderr after an invalid command line, on stdout for `--help`. It starts as in
 * 3.35: an empty line, then the name and the version of the program.
 */
export function usage(): string {
  const rare = OPTIONS.filter((option) => option.rare).flatMap(namesOf)
    .map((name) => dashed({ name }));
  const rows = OPTIONS.filter((option) => !option.rare).map((option) => {
    const { argument, help } = option;
    const names = namesOf(option).map((name) => dashed({ name })).join(" ");
    const left = argument === undefined ? names : `${names} ${argument}`;
    return `  ${left.padEnd(NAME_COLUMNS)} ${help}`;
  });
  return `
${NAME} ${VERSION}

usage: ${NAME} [options] port [host[:port[:maxc]][,key=value] ... [! | %]] ...
       ${NAME} [options] --config file [port [host ...]]
       ${NAME} [-b host] {-i | -c cmd [--strict]} port
       ${NAME} --list

TCP load balancer with failover, a drop-in replacement for Inlab's balance.
Each connection on port goes to a channel (host:port, at most maxc connections)
of the first group that has one available; later groups are backups. "!" ends a
round robin group, "%" a group that hashes the client's address (sticky).
Keys of a channel are weight, check, check-port, send-proxy: web1:80,weight=3

${rows.join("\n")}

${wrapped(`More options (see balance(1)): ${rare.join(", ")}`)}

Example: ${NAME} smtp mail1 mail2 ! backup:2525
`;
}

/** Wraps text at 79 columns; continuation lines are indented. */
function wrapped(text: string): string {
  let lines = "", line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length <= 79) line = longer;
    else {
      lines += `${line}\n`;
      line = `  ${word}`;
    }
  }
  return lines + line;
}
