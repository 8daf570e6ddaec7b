import { systemServices } from "../address/services.ts";
import { EXIT, UsageError, withName } from "../base/errors.ts";
import { NAME, VERSION } from "../base/version.ts";
import { completions } from "../cli/completions.ts";
import { limitExec } from "../check/exec_permission.ts";
import { type Options, parseOptions } from "../cli/options.ts";
import { usage } from "../cli/usage.ts";
import { warningLines } from "../cli/warnings.ts";
import { locate } from "../config_file/place.ts";
import { refuseLibraries } from "../native/c_library.ts";
import { requireNoDebugger } from "../native/debugger.ts";
import { PATH_VARIABLES } from "../system/permissions.ts";
import { print, printBytes, printError, printErrorLine } from "../system/output.ts";
import { listeningAddress } from "../address/listening_address.ts";
import { reportError } from "./report_error.ts";

/**
 * Runs a command line.
 *
 * @param argv Arguments without the program's name.
 * @returns The exit code; 70 after a bug in balance, which is printed in one line.
 */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    await requireNoDebugger();
    requireText(argv);
    const options = parseOptions(argv);
    // startBalancer() does it when the workers of the epoll engine have opened the C library.
    if (options.mode !== "balance" || options.engine !== "epoll") refuseLibraries();
    return await runMode(options, argv);
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

/**
 * Rejects what is not UTF-8: Deno replaces invalid bytes in arguments with U+FFFD, and refuses to
 * read such a variable.
 */
function requireText(argv: readonly string[]): void {
  const wrong = argv.find((word) => word.includes("\uFFFD"));
  if (wrong !== undefined) throw new UsageError(withName(`argument [${wrong}] is not UTF-8`));
  for (const name of PATH_VARIABLES) {
    try {
      Deno.env.get(name);
    } catch (error) {
      // Without the permission, the variable counts as unset.
      if (!(error instanceof Deno.errors.InvalidData)) continue;
      throw new UsageError(withName(`environment variable ${name} is not UTF-8`));
    }
  }
}

/** Each mode loads what it needs: a control command must not wait for the rest. */
async function runMode(options: Options, argv: readonly string[]): Promise<number> {
  // A parent may need it to start the background process; startBalancer() gives it up, too.
  if (options.mode !== "balance") limitExec(false);
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
    case "completions": {
      const { COMMANDS } = await import("../control/commands/commands.ts");
      print(completions(options.completions ?? "", { commands: COMMANDS }));
      return EXIT.ok;
    }
    case "list": {
      const { runList } = await import("../control/list.ts");
      printWarnings(options);
      return await runList({ json: options.json, print: printBytes });
    }
    case "command":
    case "shell": {
      const at = await listeningAddress(options, systemServices()).catch((error) => {
        throw locate(error, options.places);
      });
      printWarnings(options);
      const { mode, command = "", strict } = options;
      if (mode === "shell") {
        const { runShell } = await import("../control/shell/shell.ts");
        return await runShell({ at, print: printBytes });
      }
      const { runCommands } = await import("../control/shell/run_commands.ts");
      return await runCommands(command, { at, strict, print: printBytes });
    }
    case "balance":
      return await runBalance(options, argv);
  }
}

async function runBalance(options: Options, argv: readonly string[]): Promise<number> {
  const { refuseActivation } = await import("../system/notify.ts");
  refuseActivation();
  if (options.test) {
    const { testStart } = await import("../start_test/start_test.ts");
    await testStart(options);
    printWarnings(options);
    return EXIT.ok;
  }
  const { config } = options, directory = workingDirectory();
  const reread = () => parseOptions(argv, { config, directory });
  if (options.foreground) {
    const { runForeground } = await import("./foreground.ts");
    return await runForeground(options, reread);
  }
  const { goToBackground, runInBackground, takeReportSocket } = await import("./background.ts");
  const reportTo = takeReportSocket();
  if (reportTo !== undefined) return await runInBackground(options, { reportTo, reread });
  refuseLibraries();
  await goToBackground(argv);
  printWarnings(options);
  return EXIT.ok;
}

/** `undefined` if it was removed. */
function workingDirectory(): string | undefined {
  try {
    return Deno.cwd();
  } catch {
    return undefined;
  }
}

function printWarnings(options: Options): void {
  for (const line of warningLines(options)) printErrorLine(line);
}
