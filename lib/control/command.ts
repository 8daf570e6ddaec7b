import type { Endpoint } from "../base/endpoint.ts";
import type { ConnectionInfo } from "../base/connection_info.ts";
import type { Ip } from "../address/ip.ts";
import type { ServiceLookup } from "../address/services.ts";
import type { DumpCounts } from "../dump/dumper.ts";
import type { DumpSettings, DumpTexts } from "../dump/settings.ts";
import type { Table } from "../table/table.ts";
import type { TopMemory } from "./top/memory.ts";
import type { ConnectionCounts } from "./top/sample.ts";

/** Which connections are meant: by number, or all of a channel. */
export type Selection =
  | { readonly id: number }
  | { readonly group: number; readonly channel: number };

/** The open connections, over all workers. */
export interface Connections {
  /** All of them, in order of their numbers. */
  connections(): Promise<ConnectionInfo[]>;
  /** Ends some; how many there were. */
  close(selection: Selection): Promise<number>;
}

/** The dump that is on. */
export interface DumpStatus extends DumpCounts {
  readonly settings: DumpSettings;
  /** When it was begun, in milliseconds since 1970. */
  readonly since: number;
  /** The present file. */
  readonly path: string;
}

/** The packet dump. */
export interface DumpControl {
  /**
   * Begins a dump in the place of the present one.
   *
   * @throws {UsageError} If it makes no sense.
   * @throws {Error} If its file cannot be made.
   */
  on(texts: DumpTexts): Promise<DumpStatus>;
  /** Ends the present dump; whether there was one. */
  off(): Promise<boolean>;
  /** The present dump, if there is one. */
  status(): DumpStatus | undefined;
}

/** What commands work on. */
export interface ControlContext {
  readonly table: Table;
  readonly services: ServiceLookup;
  readonly connections: Connections;
  readonly dump: DumpControl;
  /** Where it listens. */
  readonly listener?: Endpoint | undefined;
  /** Finds the address of a host; rejects with an `AddressError`. */
  readonly resolve: (host: string) => Promise<Ip>;
}

/** What one control client has chosen. A value: a command gives the next one. */
export interface Session {
  /** The current group. */
  readonly group: number;
  /** What `top --json` compares with the next time. */
  readonly top?: TopMemory<ConnectionCounts>;
}

/** What a command answers. */
export interface Reply {
  /** Lines, each with a newline at its end; may be empty. */
  readonly text: string;
  /** The command did not do what it was asked for; `--strict` makes that an exit code. */
  readonly failed?: boolean;
  /** The session from now on, if it changed. */
  readonly session?: Session;
  /** `"quit"` ends the session, `"stop"` the whole program; the caller carries it out. */
  readonly effect?: "quit" | "stop";
}

/** One command: everything about it in one place. */
export interface Command {
  readonly name: string;
  /** Placeholders of the arguments that it needs. */
  readonly args: readonly string[];
  /** What may follow them, as `help` shows it. */
  readonly optional?: string;
  /** What `help` says. */
  readonly help: string;
  /** Whether only the whole word counts. */
  readonly wholeWord?: boolean;
  /** Does it. `words` are the arguments; surplus ones are ignored by all commands. */
  readonly run: (
    context: ControlContext,
    session: Session,
    words: readonly string[],
  ) => Reply | Promise<Reply>;
}

/** A reply that says why nothing was done. */
export function refusal(text: string): Reply {
  return { text: `${text}\n`, failed: true };
}

/** The reply of 3.35 to whatever it did not understand. */
export const SYNTAX_ERROR: Reply = refusal("syntax error");

/**
 * Finds out what a line means.
 *
 * Words are separated by blanks, tabs and newlines; a command may be abbreviated, the first
 * match in the order of the table wins. What follows a NUL byte is ignored, as in 3.35.
 *
 * @param commands The table of commands.
 * @param line The line.
 * @returns `undefined` for an empty line; its command is `undefined` if there is no such one.
 */
export function readCommand(
  commands: readonly Command[],
  line: string,
): { command: Command | undefined; words: readonly string[] } | undefined {
  const [word, ...words] = (line.split("\0")[0] ?? "").split(/[ \t\n]+/).filter(Boolean);
  if (word === undefined) return undefined;
  const command = commands.find(({ name, wholeWord }) =>
    wholeWord ? name === word : name.startsWith(word)
  );
  return { command, words };
}

/**
 * Runs one line of a control client, as {@link readCommand} understands it.
 *
 * @param commands The table of commands.
 * @param line The line.
 * @param at What it works on, and the client's session.
 */
export async function runLine(
  commands: readonly Command[],
  line: string,
  at: { context: ControlContext; session: Session },
): Promise<Reply> {
  const meant = readCommand(commands, line);
  if (meant === undefined) return { text: "" };
  const { command, words } = meant;
  if (command === undefined || words.length < command.args.length) return SYNTAX_ERROR;
  return await command.run(at.context, at.session, words);
}

/**
 * The text of `help`: a line per command in order of names.
 *
 * @param commands The table of commands.
 */
export function helpText(commands: readonly Command[]): string {
  const lines = commands.filter(({ name }) => name !== "?")
    .map(({ name, args, optional, help }) => {
      const synopsis = [name, ...args, ...(optional === undefined ? [] : [optional])].join(" ");
      return `  ${synopsis.padEnd(32)} ${help}\n`;
    })
    .sort();
  return `available commands:\n${lines.join("")}`;
}
