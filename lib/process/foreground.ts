import { STDOUT } from "../base/stdout.ts";
import type { Options } from "../cli/options.ts";
import { isClassic } from "../dump/settings.ts";
import { print, printError, printErrorLine } from "../system/output.ts";
import { startBalancer } from "./balancer.ts";

/** Serves in the foreground. Returns the exit code; throws an `ExitError` if it cannot start. */
export async function runForeground(options: Options): Promise<number> {
  if (options.debug) {
    // A dump has stdout for itself, except that of 3.35, which has these lines in it.
    const { dump } = options;
    const write = dump?.file === STDOUT && !isClassic(dump) ? printError : print;
    write(`argv[0]=balance\nbindhost=${options.bindHost ?? "NULL"}\n`);
  }
  const balancer = await startBalancer(options, {
    notice: printErrorLine,
    debug: options.debug ? printErrorLine : undefined,
    isStderr: true,
  });
  return await balancer.ended;
}
