import { until, within } from "../t.ts";
import { collect } from "./output.ts";

/** A program other than balance, stopped at the end of its scope. */
export interface Running extends AsyncDisposable {
  /** What it has written to stdout and stderr so far. */
  readonly output: string;
  /** Whether it has ended. */
  readonly ended: boolean;
  /** Sends it a signal. */
  kill(signal: Deno.Signal): void;
}

/** Options of {@linkcode startProgram}. */
export interface ProgramOptions {
  /** Its arguments. */
  args: string[];
  /** Whether it can be used; `output` is what it has written so far. */
  ready: (output: string) => boolean | Promise<boolean>;
  /** Time limit for `ready` in milliseconds. @default {10000} */
  timeoutMs?: number;
}

/**
 * Starts a program and waits until it is ready.
 *
 * @throws {Error} With what it wrote, if it ends or is not ready in time.
 */
export async function startProgram(path: string, options: ProgramOptions): Promise<Running> {
  const child = new Deno.Command(path, {
    args: options.args,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const outputs = [collect(child.stdout), collect(child.stderr)];
  const output = (): string => outputs.map((one) => one.text()).join("");
  let running = true;
  async function wait(): Promise<void> {
    await child.status;
    running = false;
    await Promise.all(outputs.map((one) => one.ended));
  }
  const ended = wait();

  async function stop(): Promise<void> {
    if (running) child.kill("SIGTERM");
    try {
      await within(ended, { timeoutMs: 5000, what: `${path} to end` });
    } catch {
      if (running) child.kill("SIGKILL");
      await ended;
    }
  }

  try {
    await until(async () => !running || await options.ready(output()), {
      timeoutMs: options.timeoutMs ?? 10_000,
      what: `${path} to be ready`,
    });
    if (!running) throw new Error(`${path} ended`);
  } catch (error) {
    await stop();
    throw new Error(`${(error as Error).message}: ${output()}`);
  }
  return {
    get output() {
      return output();
    },
    get ended() {
      return !running;
    },
    kill: (signal) => child.kill(signal),
    [Symbol.asyncDispose]: stop,
  };
}

/**
 * Runs a program until it ends; killed with SIGKILL if that takes too long.
 *
 * @param options `timeoutMs`, default 30000; `env` is added to the environment; `cwd`.
 * @returns Its exit code and what it wrote.
 * @throws {Error} If it takes longer than `timeoutMs`.
 */
export async function runProgram(
  path: string,
  args: readonly string[],
  options: { timeoutMs?: number; env?: Record<string, string>; cwd?: string } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { timeoutMs = 30_000, ...rest } = options;
  const child = new Deno.Command(path, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...rest,
  }).spawn();
  let running = true;
  const { code, stdout, stderr } = await within(child.output().finally(() => running = false), {
    timeoutMs,
    what: `${path} to end`,
    onTimeout: () => running && child.kill("SIGKILL"),
  });
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
