/**
 * Writes the files in `completions/` anew from the tables of options and commands; a test proves
 * that they are up to date.
 *
 * @module
 */
import { completions, SHELLS } from "../../lib/cli/completions.ts";
import { COMMANDS } from "../../lib/control/commands.ts";

/** Names of the files as the shells look for them. */
export const FILES = { bash: "balance", zsh: "_balance", fish: "balance.fish" } as const;

if (import.meta.main) {
  for (const shell of SHELLS) {
    const path = `${import.meta.dirname}/completions/${FILES[shell]}`;
    await Deno.writeTextFile(path, completions(shell, { commands: COMMANDS }));
  }
}
