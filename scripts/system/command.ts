import { ScriptError } from "./script_error.ts";

/** How a command ended. */
export interface Outcome {
  /** Exit code; {@linkcode TIMED_OUT} if the time limit stopped it. */
  code: number;
  /** What it wrote to stdout. */
  stdout: Uint8Array<ArrayBuffer>;
  /** What it wrote to stderr, as text. */
  stderr: string;
}

/** Settings of {@linkcode run}. */
export interface RunOptions {
  /** Working directory. Default: that of this process. */
  cwd?: string | URL | undefined;
  /** The complete environment. Default: that of this process. */
  env?: Record<string, string> | undefined;
  /** Time limit in milliseconds. */
  limit: number;
  /** Called once the process runs. */
  onStart?: (child: Deno.ChildProcess) => void;
}

/** Exit code of a command that the time limit stopped, as `timeout(1)` has it. */
export const TIMED_OUT = 124;

/**
 * Runs a command to its end, with nothing on stdin.
 *
 * @throws {ScriptError} if it cannot be started.
 */
export async function run(
  command: readonly string[],
  options: RunOptions,
): Promise<Outcome> {
  const signal = AbortSignal.timeout(options.limit);
  const child = start(command, options, signal);
  options.onStart?.(child);
  const output = await child.output();
  const timedOut = signal.aborted && output.signal !== null;
  return {
    code: timedOut ? TIMED_OUT : output.code,
    stdout: output.stdout,
    stderr: new TextDecoder().decode(output.stderr),
  };
}

function start(
  [program = "", ...args]: readonly string[],
  { cwd, env }: RunOptions,
  signal: AbortSignal,
): Deno.ChildProcess {
  try {
    return new Deno.Command(program, {
      args,
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env, clearEnv: true }),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal,
    }).spawn();
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "not found" : String(error);
    throw new ScriptError(`Cannot run [${program}]: ${reason}`);
  }
}

/** Everything that a command printed: stdout, then stderr. */
export function printed({ stdout, stderr }: Outcome): string {
  return new TextDecoder().decode(stdout) + stderr;
}
