import { CompileError } from "./error.ts";

/** How a command ended. */
export interface Outcome {
  /** Exit code; 124 if the time limit ended it. */
  code: number;
  /** What it wrote to its standard output. */
  stdout: Uint8Array<ArrayBuffer>;
  /** What it wrote to its standard error, as text. */
  stderr: string;
}

/** Settings of {@linkcode run}. */
export interface RunOptions {
  /** Working directory. Default: that of this process. */
  cwd?: string;
  /** The whole environment. Default: that of this process. */
  env?: Record<string, string>;
  /** Time limit in milliseconds. */
  limit: number;
}

/**
 * Runs a command to its end, with nothing on its standard input.
 *
 * @throws {CompileError} if it cannot be started.
 */
export async function run(
  command: readonly [string, ...string[]],
  options: RunOptions,
): Promise<Outcome> {
  const [program, ...args] = command;
  const signal = AbortSignal.timeout(options.limit);
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(program, {
      args,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env, clearEnv: true }),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal,
    }).output();
  } catch (error) {
    if (signal.aborted) return { code: 124, stdout: new Uint8Array(), stderr: "time limit" };
    const reason = error instanceof Deno.errors.NotFound ? "not found" : String(error);
    throw new CompileError(`Cannot run [${program}]: ${reason}`);
  }
  const ended = signal.aborted && output.signal !== null;
  return {
    code: ended ? 124 : output.code,
    stdout: output.stdout,
    stderr: new TextDecoder().decode(output.stderr),
  };
}

/**
 * The environment for Deno: that of the caller without what would find its way into the
 * executable (`DENO_*`, `OTEL_*`, `JSR_URL`), but with what is needed to reach a registry.
 *
 * @param extra Set on top.
 * @param base The caller's environment. Default: that of this process.
 */
export function denoEnv(
  extra: Readonly<Record<string, string>>,
  base: Readonly<Record<string, string>> = Deno.env.toObject(),
): Record<string, string> {
  const keep = ["DENO_CERT", "DENO_TLS_CA_STORE", "DENO_AUTH_TOKENS"];
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(base)) {
    if (!/^(DENO|DENORT|OTEL|JSR)_/.test(name) || keep.includes(name)) env[name] = value;
  }
  return {
    ...env,
    NO_COLOR: "1",
    DENO_NO_UPDATE_CHECK: "1",
    DENO_NO_PACKAGE_JSON: "1",
    ...extra,
  };
}
