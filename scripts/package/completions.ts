/**
 * `deno run -A scripts/package/completions.ts`: writes the files in `completions/` from the tables of
 * options and commands. A test checks that they are up to date.
 *
 * @module
 */
import { completions, SHELLS } from "../../lib/cli/completions.ts";
import { COMMANDS } from "../../lib/control/commands/commands.ts";

/** File names, as each shell expects them. */
export const FILES = { bash: "balance", zsh: "_balance", fish: "balance.fish" } as const;

if (import.meta.main) {
  for (const shell of SHELLS) {
    const path = `${import.meta.dirname}/completions/${FILES[shell]}`;
    await Deno.writeTextFile(path, completions(shell, { commands: COMMANDS }));
  }
}
