import { systemServices } from "../address/services.ts";
import { bugLine, EXIT, ExitError, UsageError, withName } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { NAME, VERSION } from "../base/version.ts";
import { completions } from "../cli/completions.ts";
import { type Options, parseOptions } from "../cli/options.ts";
import { usage } from "../cli/usage.ts";
import { COMMANDS } from "../control/commands/commands.ts";
import { runCommand, runShell } from "../control/shell.ts";
import { print, printBytes, printError, printErrorLine } from "../system/output.ts";
import { goToBackground, runInBackground } from "./background.ts";
import { runForeground } from "./foreground.ts";
import { listeningAddress } from "./listen.ts";

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
    if (!(error instanceof ExitError)) {
      printErrorLine(withName(bugLine(error)));
      return EXIT.software;
    }
    const write = error.stream === "stdout" ? print : printError;
    if (error.message !== "") write(`${printable(error.message)}\n`);
    if (error instanceof UsageError && error.showUsage) printError(usage());
    return error.exitCode;
  }
}

async function runMode(options: Options, argv: readonly string[]): Promise<number> {
  switch (options.mode) {
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
      const { mode, command = "", strict } = options;
      if (mode === "shell") return await runShell({ at, print: printBytes });
      return await runCommand(command, { at, strict, print: printBytes });
    }
    case "balance":
      if (options.foreground) return await runForeground(options);
      if (options.reportTo !== undefined) return await runInBackground(options, options.reportTo);
      return await goToBackground(argv);
  }
}
