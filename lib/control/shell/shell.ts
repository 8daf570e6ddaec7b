/** The control shell (`-i`). */

import type { Endpoint } from "../../base/endpoint.ts";
import { EXIT, ExitError, systemReason, withName } from "../../base/errors.ts";
import { NAME, VERSION } from "../../base/version.ts";
import { splitCommands } from "../text/words.ts";
import { ControlClient } from "../client.ts";
import { LINE_TOO_LONG, readLines } from "../protocol.ts";
import type { Print } from "../terminal/terminal.ts";
import { endsSequence, lost } from "./run_commands.ts";
import { runOnTerminal } from "./terminal_shell.ts";

/**
 * Runs the control shell (`-i`), with line editing and history on a terminal.
 *
 * @param options `at`: the address that balance listens on.
 * @returns The exit code: 0 after `quit`, `kill` or the end of input, 69 if balance exited, 128
 * plus the number of the signal that ended it on a terminal.
 * @throws {ExitError} If there is no balance to control, or if the input cannot be read (74).
 */
export async function runShell({ at, print }: { at: Endpoint; print: Print }): Promise<number> {
  using client = await ControlClient.connect(at);
  const encoder = new TextEncoder();
  const printText = (text: string) => print(encoder.encode(text));
  printText(
    `\n${NAME} ${VERSION} interactive command shell\n` +
      `PID of master process is ${client.pid}\n\n`,
  );
  const onTerminal = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  return onTerminal
    ? await runOnTerminal(client, { at, print })
    : await runPiped(client, { print, printText });
}

/** Runs the commands that are read from stdin, with prompts as 3.35 printed them. */
async function runPiped(
  client: ControlClient,
  { print, printText }: { print: Print; printText: (text: string) => void },
): Promise<number> {
  const lines = readLines(Deno.stdin);
  let group = 0;
  for (;;) {
    printText(`${NAME}[${group}] `);
    const { value: line, done } = await lines.next().catch((error) => {
      printText("\n");
      const reason = systemReason(error);
      throw new ExitError(withName(`can't read standard input: ${reason}`), EXIT.ioErr);
    });
    if (!done && line === undefined) printText(`${LINE_TOO_LONG}\n`);
    if (line === undefined) {
      printText("\n");
      return EXIT.ok;
    }
    for (const command of splitCommands(line)) {
      const answer = await client.ask(command, { onPart: printText });
      if (answer === undefined) return lost(print);
      printText(answer.text);
      if (answer.over !== undefined) return EXIT.ok;
      group = answer.group;
      if (endsSequence(command, answer)) break;
    }
  }
}
