/**
 * Errors that end the program with one line on stderr and an exit code of sysexits(3). Anything
 * else that is thrown is a bug. Only `main.ts` exits.
 */

import { NAME } from "./version.ts";

/** Exit codes of sysexits(3) as balance(1) uses them. */
// deno-fmt-ignore
export const EXIT = {
  ok: 0, usage: 64, dataErr: 65, noInput: 66, unavailable: 69, software: 70, osErr: 71,
  canNotCreate: 73, ioErr: 74, noPermission: 77,
} as const;

/**
 * What an error is about: the name of an option (`"listen"` for the port argument), or the index of
 * a word in `Options.channels`. With it, the error can name the line of a configuration file.
 */
export type Subject = string | number;

/** An error that the user caused or can fix. */
export class ExitError extends Error {
  override readonly name: string = "ExitError";
  /** Where the message is printed. The control client prints to stdout, as in 3.35. */
  readonly stream: "stdout" | "stderr" = "stderr";
  /** Lines that help the user, printed to stderr after the message. */
  readonly hints: readonly string[] = [];

  /** What it is about, if that is known; see {@linkcode about}. */
  subject: Subject | undefined;

  /** @param message The line to print, without a newline. */
  constructor(message: string, readonly exitCode: number, subject?: Subject) {
    super(message);
    this.subject = subject;
  }
}

/** Calls a function; an error that it throws is about `subject`, unless it is known better. */
export function about<T>(subject: Subject, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw withSubject(error, subject);
  }
}

/** The same for a promise. */
export async function aboutLater<T>(subject: Subject, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw withSubject(error, subject);
  }
}

function withSubject(error: unknown, subject: Subject): unknown {
  if (error instanceof ExitError) error.subject ??= subject;
  return error;
}

/** The command line is wrong (exit code 64). */
export class UsageError extends ExitError {
  override readonly name = "UsageError";

  /** @param message The line to print, without a newline; it ends with the reason. */
  constructor(message: string, subject?: Subject) {
    super(message, EXIT.usage, subject);
  }
}

/** A host name or address is unknown or invalid (exit code 65); the line is that of 3.35. */
export class AddressError extends ExitError {
  override readonly name = "AddressError";

  /** @param reason More than "unknown", if known. */
  constructor(host: string, readonly reason = "") {
    super(`unknown or invalid address [${host}]${reason && `: ${reason}`}`, EXIT.dataErr);
  }
}

/** Something outside is missing or in the way, such as a port in use (exit code 69). */
export class UnavailableError extends ExitError {
  override readonly name = "UnavailableError";

  /** @param message The line to print, without a newline. */
  constructor(message: string, subject?: Subject) {
    super(message, EXIT.unavailable, subject);
  }
}

/** A message that starts with the name of the program, as most messages of 3.35 do. */
export function withName(text: string): string {
  return `${NAME}: ${text}`;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * The reason of a failed system call as strerror(3) has it, for example `Permission denied`. Deno
 * adds the error number and its own call: `Permission denied (os error 13): open '/x'`. The
 * functions of `node:fs` have `EACCES: permission denied, open '/x'`. Deno refuses to open files
 * below /dev, /proc and /sys without `--allow-all`, with its own message.
 */
export function systemReason(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) return "not allowed below /dev, /proc and /sys";
  return messageOf(error).replace(/ \(os error .*/s, "").replace(/: \w+ '.*'$/s, "")
    .replace(/^E[A-Z]+: (.)(.*), \w+ '.*'$/s, (_, first, rest) => first.toUpperCase() + rest);
}

/** One line about a bug in balance: what was thrown, and where. */
export function bugLine(error: unknown): string {
  const place = error instanceof Error ? /^\s+at (.*)$/m.exec(error.stack ?? "")?.[1] : undefined;
  const line = `internal error: ${messageOf(error)}${place === undefined ? "" : ` at ${place}`}`;
  return line.replaceAll(/\s+/g, " ");
}

/** The system error code of anything that was thrown, such as `"EMFILE"`, if it has one. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}

/** Whether an error means that the process or the system has no free file descriptor. */
export function isDescriptorShortage(error: unknown): boolean {
  return ["EMFILE", "ENFILE"].includes(codeOf(error) ?? "");
}
