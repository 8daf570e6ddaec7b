/** Control commands that are given on the command line (`-c`). */

import { formatEndpoint } from "../../address/host_port.ts";
import type { Endpoint } from "../../base/endpoint.ts";
import { EXIT, UnavailableError, withName } from "../../base/errors.ts";
import { printable } from "../../base/printable.ts";
import { within } from "../../base/within.ts";
import { splitCommands } from "../text/words.ts";
import { printErrorLine } from "../../system/output.ts";
import { ControlClient } from "../client.ts";
import { readCommand } from "../commands/command.ts";
import { COMMANDS } from "../commands/commands.ts";
import type { Answer } from "../framed_session.ts";
import type { Print } from "../terminal/terminal.ts";

const encoder = new TextEncoder();

/** The exit code for a failed command with `--strict`, and always for a failed `health`. */
const FAILED = 1;

/** Milliseconds that `health` alone may take: keepalived and other probes have short limits. */
const HEALTH_MS = 1000;

/** How to run commands. */
interface RunOptions {
  readonly at: Endpoint;
  readonly strict: boolean;
  readonly print: Print;
}

/**
 * Runs control commands in one session.
 *
 * A failed command does not stop the next ones, except with `strict`. A failed `group` always does:
 * the next ones would change channels of another group. If `health` is the only command, a balance
 * that hangs is given up after a second.
 *
 * @param text Commands, separated by semicolons or newlines. An empty one does nothing.
 * @param options `at`: the address that balance listens on; `strict`: stop at the first command
 * that fails, and exit with 1.
 * @returns The exit code: 0, 1 for a failed command with `strict` and for a failed `health`, 69 if
 * balance exited.
 * @throws {ExitError} If there is no balance to control.
 */
export async function runCommands(text: string, options: RunOptions): Promise<number> {
  const commands = splitCommands(text).filter((command) => nameOf(command) !== undefined);
  const [first] = commands, running = runAll(commands, options);
  if (commands.length !== 1 || first === undefined || nameOf(first) !== "health") {
    return await running;
  }
  const code = await within(running, HEALTH_MS);
  if (code !== undefined) return code;
  const what = `the balance on ${formatEndpoint(options.at)}`;
  throw new UnavailableError(withName(`${what} does not answer within ${HEALTH_MS / 1000} second`));
}

async function runAll(
  commands: readonly string[],
  { at, strict, print }: RunOptions,
): Promise<number> {
  using client = await ControlClient.connect(at);
  let code: number = EXIT.ok;
  for (const [index, command] of commands.entries()) {
    const answer = await client.ask(command, { onPart: (text) => print(encoder.encode(text)) });
    if (answer === undefined) return lost(print);
    print(encoder.encode(answer.text));
    const isGroup = nameOf(command) === "group", isLast = index === commands.length - 1;
    if (answer.failed && strict) return FAILED;
    // It is made for scripts.
    if (answer.failed && nameOf(command) === "health") code = FAILED;
    if (endsSequence(command, answer) && !isLast) {
      printErrorLine(withName(`[${shown(command)}] failed, so the next commands are not run`));
      return code;
    }
    if (isGroup && isLast && !answer.failed) {
      const reason = "it is for the commands after it, as in -c 'group 1; show'";
      printErrorLine(withName(`[${shown(command)}] has no effect: ${reason}`));
    }
    if (answer.over === "stop" && !isLast) {
      printErrorLine(withName("kill ended the session, so the next commands are not run"));
    }
    if (answer.over !== undefined) break;
  }
  return code;
}

/**
 * Whether the commands after one in the same line must not be run: they would change channels of
 * another group.
 */
export function endsSequence(command: string, { failed }: Pick<Answer, "failed">): boolean {
  return failed && nameOf(command) === "group";
}

/** The full name of a command, `""` if there is none, `undefined` if the text is blank. */
function nameOf(command: string): string | undefined {
  const parsed = readCommand(COMMANDS, command);
  return parsed && (parsed.command?.name ?? "");
}

function shown(command: string): string {
  return printable(command.trim());
}

/** Reports that balance exited without an answer. @returns The exit code. */
export function lost(print: Print): number {
  print(encoder.encode("connection to master process lost, exiting.\n"));
  return EXIT.unavailable;
}
