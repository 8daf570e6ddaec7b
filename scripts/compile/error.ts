/** A failure that is told to the user in one line; it never shows a stack trace. */
export class CompileError extends Error {
  /** Exit code of the program: 1 for a failed build, 2 for wrong arguments. */
  readonly exitCode: number;

  /** @param exitCode 1 (default) or 2. */
  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = "CompileError";
    this.exitCode = exitCode;
  }
}

/** The runtime stub of one target cannot be had from any of its sources. */
export class NoStubError extends CompileError {
  /** The target without a stub, such as "aarch64-apple-darwin". */
  readonly target: string;

  /** @param reasons What was tried, and why it did not work. */
  constructor(target: string, reasons: readonly string[]) {
    super(`Cannot get the runtime stub (denort) for [${target}]: ${reasons.join("; ")}`);
    this.name = "NoStubError";
    this.target = target;
  }
}
