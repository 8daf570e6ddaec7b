/**
 * Errors that end the program with one line on stderr and an exit code of sysexits(3).
 *
 * Anything else that is thrown is a bug. Only `main.ts` exits.
 */

/** Exit codes of sysexits(3) as balance(1) uses them. */
export const EXIT = {
  ok: 0,
  usage: 64,
  dataErr: 65,
  unavailable: 69,
  software: 70,
  osErr: 71,
  canNotCreate: 73,
  ioErr: 74,
  noPermission: 77,
} as const;

/** An error that a user caused or can mend: its message is the line to print. */
export class ExitError extends Error {
  override readonly name: string = "ExitError";
  /** Where the line belongs: what the control shell says goes to stdout, as in 3.35. */
  readonly stream: "stdout" | "stderr" = "stderr";

  /**
   * @param message One line without a newline at its end.
   * @param exitCode Exit code of sysexits(3).
   */
  constructor(message: string, readonly exitCode: number) {
    super(message);
  }
}

/** The command line cannot be understood (exit code 64). */
export class UsageError extends ExitError {
  override readonly name = "UsageError";

  /**
   * @param message The line to print, empty if there is nothing to say but the usage.
   * @param showUsage Whether the usage text follows, as for unknown options.
   */
  constructor(message: string, readonly showUsage = false) {
    super(message, EXIT.usage);
  }
}

/** A host name or address means nothing (exit code 65); the line is that of 3.35. */
export class AddressError extends ExitError {
  override readonly name = "AddressError";

  /**
   * @param host The name as it was given.
   * @param reason More than "unknown", if there is more to say.
   */
  constructor(host: string, reason = "") {
    super(`unknown or invalid address [${host}]${reason && `: ${reason}`}`, EXIT.dataErr);
  }
}

/** Something outside is in the way: an address in use, no master process (exit code 69). */
export class UnavailableError extends ExitError {
  override readonly name = "UnavailableError";

  /** @param message The line to print. */
  constructor(message: string) {
    super(message, EXIT.unavailable);
  }
}

/**
 * Text of anything that was thrown.
 *
 * @param error What a `catch` got.
 * @returns Its message, or its text when it is no `Error`.
 */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * One line about an error that is a bug of ours: what, and where it came from, for a report.
 *
 * @param error What nobody expected.
 */
export function bugLine(error: unknown): string {
  const place = error instanceof Error ? /^\s+at (.*)$/m.exec(error.stack ?? "")?.[1] : undefined;
  const line = `internal error: ${messageOf(error)}${place === undefined ? "" : ` at ${place}`}`;
  return line.replaceAll(/\s+/g, " ");
}

/**
 * System error code of something that was thrown.
 *
 * @param error What a `catch` got.
 * @returns For example `"EMFILE"`; `undefined` if it carries none.
 */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}
