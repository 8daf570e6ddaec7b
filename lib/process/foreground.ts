import type { Options } from "../cli/options.ts";
import { STDOUT } from "../base/stdout.ts";
import { startMaster } from "./balancer.ts";
import { print, printError, printErrorLine } from "../system/output.ts";

/**
 * Balances in the foreground until something ends it.
 *
 * @param options What the command line asks for.
 * @returns The exit code.
 * @throws {ExitError} If it cannot start.
 */
export async function runForeground(options: Options): Promise<number> {
  if (options.debug) {
    // Standard output belongs to the dump, unless that is the text of 3.35 with these lines in it.
    const tell = options.dump?.file === STDOUT ? printError : print;
    tell(`argv[0]=balance\nbindhost=${options.bindHost ?? "NULL"}\n`);
  }
  const master = await startMaster(options, {
    notice: printErrorLine,
    debug: options.debug ? printErrorLine : undefined,
    isStderr: true,
  });
  return await master.ended;
}
