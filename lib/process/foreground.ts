import { STDOUT } from "../base/stdout.ts";
import type { Options } from "../cli/options.ts";
import { print, printError, printErrorLine } from "../system/output.ts";
import { startBalancer } from "./balancer.ts";

/**
 * Balances in the foreground until something stops it.
 *
 * @param options The command line.
 * @returns The exit code.
 * @throws {ExitError} If it cannot start.
 */
export async function runForeground(options: Options): Promise<number> {
  if (options.debug) {
    // Standard output belongs to the dump, except to that of 3.35, which has these lines in it.
    const write = options.dump?.file === STDOUT ? printError : print;
    write(`argv[0]=balance\nbindhost=${options.bindHost ?? "NULL"}\n`);
  }
  const balancer = await startBalancer(options, {
    notice: printErrorLine,
    debug: options.debug ? printErrorLine : undefined,
    isStderr: true,
  });
  return await balancer.ended;
}
