/** The control shell (`-i`). */

import process from "node:process";
import { createInterface } from "node:readline";
import type { Endpoint } from "../base/endpoint.ts";
import { EXIT } from "../base/errors.ts";
import { NAME, VERSION } from "../base/version.ts";
import { splitCommands } from "../base/words.ts";
import { SIGNAL_EXIT } from "../system/signals.ts";
import { ControlClient } from "./client.ts";
import { readCommand } from "./commands/command.ts";
import { COMMANDS } from "./commands/commands.ts";
import { runTop } from "./live_top.ts";
import { LINE_TOO_LONG, readLines } from "./protocol.ts";
import { lost, type Print } from "./run_commands.ts";
import { liveOrders } from "./commands/top_command.ts";
import type { TopOrders } from "./top/order.ts";
import { readlineTerminal } from "./top/terminal.ts";

const encoder = new TextEncoder();

/**
 * Runs the control shell (`-i`), with line editing and history on a terminal.
 *
 * @param options `at`: the address that balance listens on.
 * @returns The exit code: 0 after `quit`, `kill` or the end of input, 69 if balance exited, 128
 * plus the number of the signal that ended `top`.
 * @throws {ExitError} If there is no balance to control.
 */
export async function runShell(options: { at: Endpoint; print: Print }): Promise<number> {
  using client = await ControlClient.connect(options.at);
  const print = (text: string) => options.print(encoder.encode(text));
  print(
    `\n${NAME} ${VERSION} interactive command shell\n` +
      `PID of master process is ${client.pid}\n\n`,
  );
  const onTerminal = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  const input = onTerminal ? terminalInput() : pipedInput(print);
  let group = 0;
  try {
    for (;;) {
      const line = await input.next(`${NAME}[${group}] `);
      if (line === undefined) {
        print("\n");
        return EXIT.ok;
      }
      const orders = onTerminal ? topOrders(line) : undefined;
      if (orders !== undefined) {
        const terminal = readlineTerminal(options.print);
        const end = await runTop(terminal, { at: options.at, pid: client.pid, orders });
        if (end === "left") continue;
        if (end === "lost") return lost(options.print);
        return end === "closed" ? EXIT.ok : SIGNAL_EXIT[end];
      }
      for (const command of splitCommands(line)) {
        const answer = await client.ask(command);
        if (answer === undefined) return lost(options.print);
        print(answer.text);
        if (answer.over !== undefined) return EXIT.ok;
        group = answer.group;
      }
    }
  } finally {
    input.close();
  }
}

/** The initial sort orders of the live view, if a line starts it. */
function topOrders(line: string): TopOrders | undefined {
  const parsed = readCommand(COMMANDS, line);
  return parsed?.command?.name === "top" ? liveOrders(parsed.words) : undefined;
}

/** The source of lines. */
interface Input {
  /** Prints the prompt and waits for a line; `undefined` at the end of input. */
  next(prompt: string): Promise<string | undefined>;
  close(): void;
}

function pipedInput(print: (text: string) => void): Input {
  const reader = readLines(Deno.stdin);
  return {
    async next(prompt) {
      print(prompt);
      const { value, done } = await reader.next();
      if (!done && value === undefined) print(`${LINE_TOO_LONG}\n`);
      return value;
    },
    close() {},
  };
}

/** Lines with editing, history and completion by `node:readline`. */
function terminalInput(): Input {
  const names = COMMANDS.map(({ name }) => name);
  const readline = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: true,
    historySize: 1000,
    removeHistoryDuplicates: true,
    completer: (line: string) => [names.filter((name) => name.startsWith(line)), line],
  });
  /** Lines to return; `undefined` at the end of input. */
  const typed: (string | undefined)[] = [];
  let wake = () => {};
  const add = (line?: string) => {
    typed.push(line);
    wake();
  };
  readline.on("line", add);
  // ^D and ^C leave the shell, as in 3.35.
  readline.on("SIGINT", () => readline.close());
  readline.on("close", () => add());
  return {
    async next(prompt) {
      if (typed.length === 0) {
        readline.setPrompt(prompt);
        // `true` keeps what was typed ahead, and the cursor position in it.
        readline.prompt(true);
        await new Promise<void>((resolve) => wake = resolve);
      }
      return typed.shift();
    },
    close() {
      readline.close();
      process.stdin.pause();
    },
  };
}
