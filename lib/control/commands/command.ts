import type { AdmissionControl } from "../../admission/admission_control.ts";
import type { Endpoint } from "../../base/endpoint.ts";
import { UsageError } from "../../base/errors.ts";
import type { ConnectionInfo } from "../../base/connection_info.ts";
import type { Reason } from "../../base/reason.ts";
import type { Drains } from "./drains.ts";
import { splitQuotedWords, splitWords } from "../text/words.ts";
import type { Ip } from "../../address/ip.ts";
import type { ServiceLookup } from "../../address/services.ts";
import type { HealthControl } from "../../check/check_status.ts";
import type { DumpCounts } from "../../dump/dumper.ts";
import type { DumpSettings, DumpTexts } from "../../dump/settings.ts";
import type { EngineName } from "../../engine/names.ts";
import type { ChangeGate } from "../../state/change_gate.ts";
import type { StateControl } from "../../state/state_control.ts";
import type { ChannelNames } from "../../table/channel_names.ts";
import type { Table } from "../../table/table.ts";
import type { TopMemory } from "../top/memory.ts";
import type { ConnectionCounts } from "../top/sample.ts";

/** Connections to close: one by its number, or all of a channel. */
export type Selection =
  & ({ readonly id: number } | {
    readonly group: number;
    readonly channel: number;
    /** The `id` of that channel, which may have got another number since; see `Table`. */
    readonly owner?: number;
  })
  & {
    /** @default {"closed by control"} */
    readonly reason?: Reason;
  };

/** The open connections of all workers. */
export interface Connections {
  /** All open connections, sorted by number. */
  connections(): Promise<ConnectionInfo[]>;
  /** Closes connections and returns how many. */
  close(selection: Selection): Promise<number>;
}

/** The current dump. */
export interface DumpStatus extends DumpCounts {
  readonly settings: DumpSettings;
  /** Its start, in milliseconds since 1970. */
  readonly since: number;
  /** Its current file. */
  readonly path: string;
  /** Present if it is a named pipe that nobody reads yet. */
  readonly waitsForReader?: true;
}

/** The packet dump. */
export interface DumpControl {
  /**
   * Replaces the current dump.
   *
   * @throws {UsageError} If the arguments are wrong.
   * @throws {Error} If its file cannot be created.
   */
  on(texts: DumpTexts): Promise<DumpStatus>;
  /** Stops the current dump and returns whether there was one. */
  off(): Promise<boolean>;
  /** The current dump, if any. */
  status(): DumpStatus | undefined;
}

/** The running program, as control clients see it. */
export interface Lifecycle {
  /** Whether a shutdown has started. */
  readonly stopping: boolean;
  /** Number of open connections, including those still connecting to a backend or closing. */
  readonly open: number;
  /** Milliseconds after which the open connections are closed; `undefined` without a limit. */
  readonly graceLeftMs?: number | undefined;
  /**
   * Starts a graceful shutdown without a time limit, unless one has started already.
   *
   * @returns A promise that resolves once new connections are refused and, if no connection is
   * open, the control socket is removed.
   */
  stop(): Promise<void>;
}

/** How a reload has ended. */
export interface ReloadReply {
  /** What has changed, or why nothing has, in one line. */
  readonly text: string;
  readonly failed?: boolean;
}

/** What commands work on. */
export interface ControlContext {
  readonly table: Table;
  /** The engine that serves. */
  readonly engine: EngineName;
  /** The hosts of channels as written. */
  readonly names: ChannelNames;
  readonly services: ServiceLookup;
  readonly connections: Connections;
  readonly dump: DumpControl;
  readonly lifecycle: Lifecycle;
  readonly drains: Drains;
  readonly health: HealthControl;
  /** Who may connect. */
  readonly admission: AdmissionControl;
  /** Keeps what operators change. */
  readonly state: StateControl;
  /** Whether commands may change it now. */
  readonly gate: ChangeGate;
  /** Reads the configuration file again; never rejects. */
  readonly reload: () => Promise<ReloadReply>;
  /** The address that balance listens on. */
  readonly listener?: Endpoint | undefined;
  /** A table of the balances on this port, as `--list` prints it. */
  readonly instances: () => Promise<string>;
  /** Resolves a host; rejects with an `AddressError`. */
  readonly resolve: (host: string) => Promise<Ip>;
}

/** State of one control client. Immutable: a command returns the next one. */
export interface Session {
  /** The current group. */
  readonly group: number;
  /** Earlier samples of `top --json`, for rates. */
  readonly top?: TopMemory<ConnectionCounts>;
}

/** The reply to a command. */
export interface Reply {
  /** Lines, each with a newline at its end. May be empty. */
  readonly text: string;
  /** The command failed; `-c` with `--strict` exits with 1. */
  readonly failed?: boolean;
  /** The new session, if it changed. */
  readonly session?: Session;
  /** Why the session ends after this reply: `quit`, or `kill` (`"stop"`). */
  readonly effect?: "quit" | "stop";
  /** What follows `text`, for a command that takes long. */
  readonly progress?: Progress;
}

/**
 * Reports how a command proceeds: yields lines as in {@link Reply}, and returns the end of the
 * reply, whose other fields count. It may throw a {@link CommandError}.
 *
 * @param signal Aborted when the reply is no longer needed: the client has left, or the
 * program ends. The generator then returns soon, with a reply that makes sense if it is sent.
 */
export type Progress = (signal: AbortSignal) => AsyncGenerator<string, Reply, void>;

/** One command. */
export interface Command {
  readonly name: string;
  /** Placeholders of the arguments as `help` shows them. */
  readonly args: readonly string[];
  /** Optional arguments as `help` shows them. */
  readonly optional?: string;
  /** The number of words that it takes, if that is not the length of `args`. */
  readonly words?: { readonly min?: number; readonly max?: number };
  /**
   * Whether missing words are answered with the form of the command. The commands of 3.35 and 3.57
   * answer "syntax error".
   */
  readonly newer?: boolean;
  /**
   * What may follow these arguments: words, and the placeholders `<channel>`, `<G.N>`, `<group>`,
   * `<id>` and `<command>`. The shell completes them; default: the next one of `args`.
   */
  readonly next?: (words: readonly string[]) => readonly string[];
  /** Description in `help` and in shell completions. */
  readonly help: string;
  /** Whether it cannot be abbreviated. */
  readonly wholeWord?: boolean;
  /**
   * It changes what a successor gets (`--takeover`), so it is refused during a takeover, and in the
   * old program after it; `"connections"`: not after it, because it also acts on open connections.
   */
  readonly changes?: true | "connections";
  /** Whether its arguments may be quoted; elsewhere quotes are ordinary characters. */
  readonly quotes?: boolean;
  /**
   * Runs it. `words` are the arguments. A {@link CommandError} or `UsageError` becomes the reply.
   */
  readonly run: (
    context: ControlContext,
    session: Session,
    words: readonly string[],
  ) => Reply | Promise<Reply>;
}

/** A command failed. The message is the reply: one line without its newline. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** The error of 3.35 for any line that it does not understand. */
export function syntaxError(): CommandError {
  return new CommandError("syntax error");
}

/** The form of a command, for example `maxc <channel> <maxc>`. */
export function formOf(
  { name, args, optional = "" }: Pick<Command, "name" | "args" | "optional">,
): string {
  return [name, ...args, optional].join(" ").trimEnd();
}

/** The error for words that a command does not understand. */
export function usageError(command: Command): CommandError {
  return new CommandError(`usage: ${formOf(command)}`);
}

/** The error for words that a command does not take. */
export function tooManyWords(command: Parameters<typeof formOf>[0]): CommandError {
  return new CommandError(`too many words: ${formOf(command)}`);
}

/** A reply of one line. */
export function message(text: string): Reply {
  return { text: `${text}\n` };
}

/**
 * Parses a line.
 *
 * Words are separated by spaces, tabs and line ends. A command may be abbreviated; the first match
 * in the order of the table wins. Everything after a NUL byte is ignored, as in 3.35.
 *
 * @returns `undefined` for an empty line; `command` is `undefined` if there is no such command;
 *     `text` is what counts of the line.
 */
export function readCommand(
  commands: readonly Command[],
  line: string,
): { command: Command | undefined; words: readonly string[]; text: string } | undefined {
  const text = line.split("\0")[0] ?? "";
  const [word, ...words] = splitWords(text);
  if (word === undefined) return undefined;
  const command = commands.find(({ name, wholeWord }) =>
    wholeWord ? name === word : name.startsWith(word)
  );
  return { command, words, text };
}

/** Runs one line of a control client; see {@link readCommand}. */
export async function runLine(
  commands: readonly Command[],
  line: string,
  { context, session }: { context: ControlContext; session: Session },
): Promise<Reply> {
  const parsed = readCommand(commands, line);
  if (parsed === undefined) return { text: "" };
  try {
    const { command, words, text } = parsed;
    if (command === undefined) throw syntaxError();
    const args = command.quotes ? splitQuotedWords(text).slice(1) : words;
    const { min = command.args.length, max = command.args.length } = command.words ?? {};
    if (args.length < min) throw command.newer ? usageError(command) : syntaxError();
    if (args.length > max) throw tooManyWords(command);
    const { changes } = command, run = () => command.run(context, session, args);
    const isFree = changes === undefined || (changes === "connections" && context.gate.isRetired);
    const reply = isFree ? await run() : await gated(context, run);
    context.health.look();
    context.state.look();
    return reply;
  } catch (error) {
    if (!(error instanceof CommandError || error instanceof UsageError)) throw error;
    return { ...message(error.message), failed: true };
  }
}

/**
 * Runs what changes what a successor gets, see `changes` of {@link Command}.
 *
 * @throws {CommandError} If it must not change that now.
 */
export async function gated(
  { gate }: Pick<ControlContext, "gate">,
  run: () => Reply | Promise<Reply>,
): Promise<Reply> {
  if (gate.refusal !== undefined) throw new CommandError(gate.refusal);
  return await gate.run(run);
}

/** The output of `help`: a line per command, sorted by name. */
export function helpText(commands: readonly Command[]): string {
  const lines = commands.filter(({ name }) => name !== "?").map(helpLine);
  return `available commands:\n${lines.sort().join("")}`;
}

/** The line of `help` for one command. */
export function helpLine(command: Command): string {
  return `  ${formOf(command).padEnd(32)} ${command.help}\n`;
}
