import type { Options } from "../cli/options.ts";
import { startMaster } from "./master.ts";
import { print, printError } from "./output.ts";

/**
 * Balances in the foreground until something ends it.
 *
 * @param options What the command line asks for.
 * @returns The exit code.
 * @throws {ExitError} If it cannot start.
 */
export async function runForeground(options: Options): Promise<number> {
  const say = (line: string) => printError(`${line}\n`);
  if (options.debug) print(`argv[0]=balance\nbindhost=${options.bindHost ?? "NULL"}\n`);
  const master = await startMaster(options, {
    notice: say,
    debug: options.debug ? say : undefined,
  });
  return await master.ended;
}
