/** The shell on a terminal: line editing, history, completion, and the live view of `top`. */

import type { Endpoint } from "../../base/endpoint.ts";
import { EXIT } from "../../base/errors.ts";
import { printable } from "../../base/printable.ts";
import { NAME } from "../../base/version.ts";
import { within } from "../../base/within.ts";
import { splitCommands } from "../text/words.ts";
import { SIGNAL_EXIT } from "../../system/signals.ts";
import type { ControlClient } from "../client.ts";
import { formOf, readCommand } from "../commands/command.ts";
import { COMMANDS } from "../commands/commands.ts";
import { candidates, type Known, needsKnown, offer } from "./completion.ts";
import { liveOrders } from "../commands/top_command.ts";
import { historyPath, openHistory } from "../terminal/history_file.ts";
import { type LineEnd, type LineReader, lineReader } from "../terminal/line_reader.ts";
import { openTerminal, type Print, type Terminal } from "../terminal/terminal.ts";
import type { TopOrders } from "../top/order.ts";
import { MAX_LISTED } from "../top/sample.ts";
import type { TopEnd } from "../top/view.ts";
import { runTop } from "./live_top.ts";
import { readSample } from "./read_sample.ts";
import { endsSequence, lost } from "./run_commands.ts";

/** Milliseconds that the server may take to answer what a completion needs. */
const COMPLETION_MS = 1000;

/** What the commands of the shell need. */
interface Shell {
  readonly at: Endpoint;
  readonly pid: number;
  readonly ask: ControlClient["ask"];
  readonly print: Print;
  readonly terminal: Terminal;
  readonly reader: LineReader;
  /** The current group. */
  group: number;
}

/**
 * Reads and runs commands until the user leaves.
 *
 * @returns The exit code; see `runShell()`.
 */
export async function runOnTerminal(
  client: ControlClient,
  { at, print }: { at: Endpoint; print: Print },
): Promise<number> {
  await using history = await openHistory(historyPath());
  using terminal = openTerminal(print);
  const ask = inTurn(client);
  using reader = lineReader(terminal, {
    history: history.lines,
    remember: history.add,
    complete: async (text) => {
      const offered = offer(COMMANDS, text);
      const { word } = offered;
      const known = needsKnown(offered) ? await fetchKnown(ask, shell.group) : NOTHING;
      return { word, candidates: candidates(offered, COMMANDS, known) };
    },
  });
  const shell: Shell = { at, pid: client.pid, ask, print, terminal, reader, group: 0 };
  for (;;) {
    const read = await reader.next(`${NAME}[${shell.group}] `);
    const code = "end" in read ? codeOf(read.end) : await runTyped(shell, read.line);
    if (code !== undefined) return code;
  }
}

/**
 * Sends commands one after another, even if the user has stopped waiting for an answer.
 *
 * @returns A replacement for `client.ask()`.
 */
function inTurn(client: ControlClient): ControlClient["ask"] {
  let last: Promise<unknown> = Promise.resolve();
  return (command, options) => {
    const answer = last.then(() => client.ask(command, options));
    last = answer.catch(() => {});
    return answer;
  };
}

/** Runs the commands of a line. Returns the exit code if the shell ends. */
async function runTyped(shell: Shell, line: string): Promise<number | undefined> {
  for (const command of splitCommands(line)) {
    const orders = topOrders(command);
    if (orders !== undefined) {
      const { at, pid } = shell;
      const end = await runTop(shell.terminal, { at, pid, orders });
      if (end === "lost") return lost(shell.print);
      if (end !== "left") return codeOf(end);
      continue;
    }
    const abandoned = new AbortController(), { signal } = abandoned;
    const onPart = (text: string) => shell.terminal.write(text);
    const run = await shell.reader.during(shell.ask(command, { onPart, signal }));
    if ("end" in run) {
      abandoned.abort();
      shell.terminal.write(run.end === "interrupted" ? "^C\n" : "\n");
      return run.end === "interrupted" ? undefined : codeOf(run.end);
    }
    const { result: answer } = run;
    if (answer === undefined) return lost(shell.print);
    shell.terminal.write(answer.text + hint(command, answer.text));
    if (answer.over !== undefined) return EXIT.ok;
    shell.group = answer.group;
    if (endsSequence(command, answer)) break;
  }
  return undefined;
}

/** The exit code of a shell that ends without a command. */
function codeOf(end: LineEnd | Exclude<TopEnd, "left" | "lost">): number {
  return end === "end" || end === "closed" ? EXIT.ok : SIGNAL_EXIT[end];
}

/** The initial sort orders of the live view, if a command starts it. */
function topOrders(command: string): TopOrders | undefined {
  const parsed = readCommand(COMMANDS, command);
  return parsed?.command?.name === "top" ? liveOrders(parsed.words) : undefined;
}

/** A hint after the error that 3.35 printed for every line that it did not understand. */
function hint(command: string, answer: string): string {
  if (answer !== "syntax error\n") return "";
  const [word = ""] = command.trim().split(/\s/);
  const found = readCommand(COMMANDS, command)?.command;
  if (found !== undefined) return `usage: ${formOf(found)}\n`;
  const whole = COMMANDS.find(({ name, wholeWord }) => wholeWord && name.startsWith(word));
  if (whole !== undefined) return `${whole.name} must be typed in full\n`;
  return `no such command [${printable(word)}], "help" lists the commands\n`;
}

const NOTHING: Known = { group: 0, channels: [], ids: [] };

/** Asks for the channels and connections, at most as many as `top` lists. */
async function fetchKnown(ask: ControlClient["ask"], group: number): Promise<Known> {
  const answer = await within(ask(`top age --json ${MAX_LISTED}`), COMPLETION_MS);
  const sample = answer && readSample(answer);
  if (sample === undefined) return { ...NOTHING, group };
  const ids = sample.connections.map(({ id }) => id).sort((a, b) => a - b);
  return { group, channels: sample.channels, ids };
}
