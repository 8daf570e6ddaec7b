import { systemReason, withName } from "../base/errors.ts";
import { STDOUT } from "../base/stdout.ts";
import { settlesWithin } from "../base/within.ts";
import type { Options } from "../cli/options.ts";
import { warningLines } from "../cli/warnings.ts";
import { isClassic } from "../dump/settings.ts";
import { LineQueue } from "../system/line_queue.ts";
import { hasReaderExited } from "../system/output.ts";
import { standardError, standardOutput } from "../system/standard_stream.ts";
import { startBalancer } from "../service/balancer.ts";
import { reportError } from "./report_error.ts";

/** Milliseconds that the first lines of `-d` may take, so that they come before anything else. */
const FIRST_LINES_MS = 1000;

/**
 * Serves in the foreground. Nothing waits for the reader of standard error, and only the dump and
 * the access log for that of standard output.
 *
 * @param reread See `startBalancer()`.
 * @returns The exit code. An error that prevents the start is printed.
 */
export async function runForeground(
  options: Options,
  reread: () => Options,
): Promise<number> {
  const errors = new LineQueue(standardError, "standard error");
  try {
    if (options.debug) await printFirstLines(options, errors);
    const balancer = await startBalancer(options, {
      notice: errors.line,
      debug: options.debug ? errors.line : undefined,
      hint: Deno.stderr.isTerminal() ? errors.line : undefined,
      dropped: () => errors.dropped,
    }, reread);
    for (const line of warningLines(options)) errors.line(line);
    return await balancer.ended;
  } catch (error) {
    return reportError(error, { stdout: errors.text, stderr: errors.text });
  } finally {
    await errors.close();
  }
}

/** Prints the first lines of `-d`, as in 3.35. */
async function printFirstLines({ bindHost, dump }: Options, errors: LineQueue): Promise<void> {
  const text = `argv[0]=balance\nbindhost=${bindHost ?? "NULL"}\n`;
  // A dump has stdout for itself, except that of 3.35, which has these lines in it.
  if (dump?.file === STDOUT && !isClassic(dump)) return errors.text(text);
  try {
    await settlesWithin(standardOutput.write(new TextEncoder().encode(text)), FIRST_LINES_MS);
  } catch (error) {
    if (hasReaderExited(error)) return;
    errors.line(withName(`can't write to standard output: ${systemReason(error)}`));
  }
}
