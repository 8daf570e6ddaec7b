/**
 * Shell completions, generated from the table of options. Pure.
 *
 * The placeholder of an argument determines what is offered: `host`, `file`, `port`, `cmd` (a
 * control command), `spec` (a health check), `[G=]name` (a schedule) or a choice such as `text|json`.
 * Other placeholders have no completion.
 */

import { UsageError } from "../base/errors.ts";
import { NAME } from "../base/version.ts";
import { CHECK_STARTS } from "../check/spec.ts";
import { SCHEDULE_NAMES } from "../table/states.ts";
import { dashed, namesOf, type OptionEntry, OPTIONS } from "./option_table.ts";

/** The supported shells. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of {@linkcode SHELLS}. */
export type Shell = typeof SHELLS[number];

/** A control command. */
export interface CommandEntry {
  readonly name: string;
  readonly help: string;
}

/**
 * The completion script for a shell, to be sourced or installed where the shell looks for it.
 *
 * @param options `commands` are offered after `-c`; `entries` default to all options.
 * @throws {UsageError} If the shell is not supported.
 * @see balance(1), option --completions
 */
export function completions(
  shell: string,
  options: { commands: readonly CommandEntry[]; entries?: readonly OptionEntry[] },
): string {
  const entries = (options.entries ?? OPTIONS).flatMap((entry) =>
    namesOf(entry).map((name) => ({ ...entry, name }))
  );
  // Without "?", which is a glob pattern in every shell and an alias of "help".
  const commands = options.commands.filter(({ name }) => /^[a-z-]+$/.test(name));
  const head = `# Completion of ${NAME}(1) for ${shell}, made by: ${NAME} --completions ${shell}\n`;
  switch (shell) {
    case "bash":
      return head + bash(entries, commands);
    case "zsh":
      return `#compdef ${NAME}\n${head}${zsh(entries, commands)}`;
    case "fish":
      return head + fish(entries, commands);
    default:
      throw new UsageError(`invalid --completions [${shell}]: not one of ${SHELLS.join(", ")}`);
  }
}

/** What is offered for an argument. */
type Kind = "host" | "file" | "port" | "command" | "text" | readonly string[];

function kindOf({ argument = "" }: OptionEntry): Kind {
  if (argument.includes("|")) {
    return argument.replaceAll(/[[\]<>]/g, "").split("|")
      .filter((word) => /^[a-z][a-z0-9,]*$/.test(word) && word !== "sec");
  }
  if (argument === "spec") return CHECK_STARTS;
  if (argument === "[G=]name") return SCHEDULE_NAMES;
  if (argument === "shell") return SHELLS;
  if (argument === "cmd") return "command";
  if (argument === "host" || argument === "addr") return "host";
  if (argument === "file" || argument === "path") return "file";
  return argument === "port" ? "port" : "text";
}

const isLetter = ({ name }: OptionEntry): boolean => name.length === 1;

function bash(entries: readonly OptionEntry[], commands: readonly CommandEntry[]): string {
  const flags = entries.filter((one) => isLetter(one) && one.argument === undefined);
  const letters = flags.map(({ name }) => name).join("");
  const taking = entries.filter(({ argument }) => argument !== undefined);
  const patterns = (some: readonly OptionEntry[]) => some.map(dashed).join(" | ");
  const answers = Map.groupBy(taking, (entry) => bashAnswer(kindOf(entry), commands));
  const cases = [...answers].map(([answer, some]) =>
    `    ${patterns(some)})\n${answer === "" ? "" : `      ${answer}\n`}      return ;;\n`
  ).join("");
  return `
_${NAME}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev word operands=0 i=COMP_CWORD
  COMPREPLY=()
  # "--option=value" arrives here as three words, and "--option G=value" as four.
  if [[ $cur == = ]]; then
    cur=
  elif [[ \${COMP_WORDS[i - 1]} == = ]]; then
    ((i--))
  fi
  prev=\${COMP_WORDS[i - 1]}
  if [[ \${COMP_WORDS[i]} == = && $prev != -* && i -ge 3 ]]; then
    prev=\${COMP_WORDS[i - 2]}
    if [[ $prev == = ]]; then prev=\${COMP_WORDS[i - 3]}; fi
  fi
  # In a bundle such as -ft, the last letter takes the argument.
  if [[ $prev =~ ^-[${letters}]+([a-zA-Z])$ ]]; then prev=-\${BASH_REMATCH[1]}; fi
  case $prev in
${cases}  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "${entries.map(dashed).join(" ")}" -- "$cur"))
    return
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in
    ${patterns(taking)})
      ((i++)) ;;
    -*) ;;
    *) ((operands++)) ;;
    esac
  done
  if ((operands == 0)); then
    COMPREPLY=($(compgen -A service -- "$cur"))
  else
    COMPREPLY=($(compgen -A hostname -W "! %" -- "$cur"))
  fi
}
complete -F _${NAME} ${NAME}
`;
}

function bashAnswer(kind: Kind, commands: readonly CommandEntry[]): string {
  const from = (what: string) => `COMPREPLY=($(compgen ${what} -- "$cur"))`;
  if (kind === "text") return "";
  if (kind === "host") return from("-A hostname");
  if (kind === "port") return from("-A service");
  if (kind === "file") return `compopt -o filenames 2> /dev/null\n      ${from("-f")}`;
  const words = kind === "command" ? commands.map(({ name }) => name) : kind;
  return from(`-W "${words.join(" ")}"`);
}

function zsh(entries: readonly OptionEntry[], commands: readonly CommandEntry[]): string {
  const specs = entries.map((entry) => {
    const help = zshEscaped(entry.help);
    // Options that print and exit exclude all others.
    const alone = ["help", "version", "completions"].includes(entry.name) ? "(- *)" : "";
    const option = `${alone}${dashed(entry)}`;
    if (entry.argument === undefined) return zshQuoted(`${option}[${help}]`);
    const joined = isLetter(entry) ? "+" : "=";
    const message = zshEscaped(entry.argument);
    return zshQuoted(`${option}${joined}[${help}]:${message}:${zshAction(kindOf(entry))}`);
  });
  const lines = commands.map(({ name, help }) => `    ${zshQuoted(`${name}:${help}`)}\n`);
  return `
_${NAME}_commands() {
  local -a commands
  commands=(
${lines.join("")}  )
  _describe -t commands 'control command' commands
}

_${NAME}_channels() {
  _alternative 'hosts:host:_hosts' 'separators:separator:((\\!\\:"end of a group" %\\:"end of a hash group"))'
}

_${NAME}() {
  _arguments -s -S \\
    ${specs.join(" \\\n    ")} \\
    '1:port:_ports' \\
    '*:channel:_${NAME}_channels'
}

if [[ "\${funcstack[1]}" == _${NAME} ]]; then
  _${NAME} "$@"
else
  compdef _${NAME} ${NAME}
fi
`;
}

function zshAction(kind: Kind): string {
  if (kind === "host") return "_hosts";
  if (kind === "port") return "_ports";
  if (kind === "file") return "_files";
  if (kind === "command") return `_${NAME}_commands`;
  return kind === "text" ? " " : `(${zshEscaped(kind.join(" "))})`;
}

/** Escapes text inside a specification of `_arguments`. */
function zshEscaped(text: string): string {
  return text.replaceAll(/[\\[\]:]/g, "\\$&");
}

/** Single-quotes text for zsh. */
function zshQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function fish(entries: readonly OptionEntry[], commands: readonly CommandEntry[]): string {
  const lines = entries.map((entry) => {
    const kind = isLetter(entry) ? "-s" : "-l";
    const argument = entry.argument === undefined ? "" : fishArgument(kindOf(entry), commands);
    return `complete -c ${NAME} ${kind} ${entry.name}${argument} -d ${fishQuoted(entry.help)}\n`;
  });
  return `
complete -c ${NAME} -f -a '(__fish_print_hostnames)' -d host
${lines.join("")}`;
}

function fishArgument(kind: Kind, commands: readonly CommandEntry[]): string {
  if (kind === "file") return " -r -F";
  if (kind === "host") return " -x -a '(__fish_print_hostnames)'";
  if (kind === "command") {
    const words = commands.map(({ name, help }) => `${name}\\t${fishQuoted(help)}`);
    return ` -x -a ${fishQuoted(words.join("\n"))}`;
  }
  if (kind === "text" || kind === "port") return " -x";
  return ` -x -a ${fishQuoted(kind.join(" "))}`;
}

/** Single-quotes text for fish, which allows backslash escapes inside. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}
