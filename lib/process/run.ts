import { systemServices } from "../address/services.ts";
import { EXIT } from "../base/errors.ts";
import { NAME, VERSION } from "../base/version.ts";
import { completions } from "../cli/completions.ts";
import { type Options, parseOptions } from "../cli/options.ts";
import { usage } from "../cli/usage.ts";
import { warningLines } from "../cli/warnings.ts";
import { COMMANDS } from "../control/commands/commands.ts";
import { runCommand, runShell } from "../control/shell.ts";
import { print, printBytes, printError, printErrorLine } from "../system/output.ts";
import { goToBackground, runInBackground } from "./background.ts";
import { runForeground } from "./foreground.ts";
import { listeningAddress } from "./listen.ts";
import { reportError } from "./report_error.ts";

/**
 * Runs a command line.
 *
 * @param argv Arguments without the program's name.
 * @returns The exit code; 70 after a bug in balance, which is printed in one line.
 */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    return await runMode(parseOptions(argv), argv);
  } catch (error) {
    return reportEnd(error);
  }
}

/** Reports an error, and also that it cannot be reported. */
function reportEnd(error: unknown): number {
  try {
    return reportError(error);
  } catch (failure) {
    return reportError(failure);
  }
}

async function runMode(options: Options, argv: readonly string[]): Promise<number> {
  switch (options.mode) {
    case "usage":
      printError(usage());
      return EXIT.usage;
    case "help":
      print(usage());
      return EXIT.ok;
    case "version":
      print(`${NAME} ${VERSION}\n`);
      return EXIT.ok;
    case "completions":
      print(completions(options.completions ?? "", { commands: COMMANDS }));
      return EXIT.ok;
    case "command":
    case "shell": {
      const at = await listeningAddress(options, systemServices());
      printWarnings(options);
      const { mode, command = "", strict } = options;
      if (mode === "shell") return await runShell({ at, print: printBytes });
      return await runCommand(command, { at, strict, print: printBytes });
    }
    case "balance":
      if (options.foreground) return await runForeground(options);
      if (options.reportTo !== undefined) return await runInBackground(options, options.reportTo);
      await goToBackground(argv);
      printWarnings(options);
      return EXIT.ok;
  }
}

function printWarnings(options: Options): void {
  for (const line of warningLines(options)) printErrorLine(line);
}
