/**
 * What the program does. The first five print and exit; `usage` is for a command line without any
 * argument. `shell` is `-i`, `command` is `-c`.
 */
export type Mode =
  | "usage"
  | "help"
  | "version"
  | "completions"
  | "list"
  | "balance"
  | "shell"
  | "command";

/** The mode of a command line; the sets have the names of its options. */
export function modeOf(
  argv: readonly string[],
  { flags, values }: { flags: ReadonlySet<string>; values: ReadonlyMap<string, string> },
): Mode {
  if (argv.length === 0) return "usage";
  if (flags.has("help")) return "help";
  if (flags.has("version")) return "version";
  if (values.has("completions")) return "completions";
  if (flags.has("list")) return "list";
  if (values.has("c")) return "command";
  return flags.has("i") ? "shell" : "balance";
}
