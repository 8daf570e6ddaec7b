/** A failure that a script reports to the user in one line, without a stack trace. */
export class ScriptError extends Error {
  /** Exit code of the script: 1 for a failure, 2 for wrong arguments. */
  readonly exitCode: number;

  /** @param exitCode 1 (default) or 2. */
  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = "ScriptError";
    this.exitCode = exitCode;
  }
}

/**
 * Runs the body of a script. If it fails, prints `NAME: MESSAGE` to stderr and exits with the code
 * of the {@linkcode ScriptError}, or with 1.
 */
export async function runScript(name: string, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    Deno.exit(error instanceof ScriptError ? error.exitCode : 1);
  }
}
