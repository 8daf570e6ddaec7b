import { helloOf, socketPath } from "../net/control_socket.ts";
import { freePort } from "../net/ports.ts";
import { until } from "../t.ts";
import { isAlive } from "./process.ts";
import { type Ended, runBalance, type RunOptions } from "./start_balance.ts";

/** A balance in the background, killed at the end of its scope. */
export interface Background extends AsyncDisposable {
  readonly port: number;
  /** Process id of the process that serves. */
  readonly pid: number;
  /** The value of BALANCE_RUNDIR, removed at the end unless it was given. */
  readonly rundir: string;
  /** Path of its control socket. */
  readonly socket: string;
  /** How the process that was started ended, and how many milliseconds it ran. */
  readonly parent: Ended & { readonly ms: number };
  /** Whether it still runs. */
  alive(): boolean;
  /** Sends a signal. */
  kill(signal: Deno.Signal): void;
  /** Waits until it has ended. */
  gone(timeoutMs?: number): Promise<void>;
}

/** Options of {@linkcode startBackground}. */
export interface BackgroundOptions extends Pick<RunOptions, "env" | "cwd" | "port"> {
  /** @default {a new directory} */
  rundir?: string;
  /** Address of its listener, as in the name of its socket. @default {"0.0.0.0"} */
  address?: string;
}

/**
 * Starts the program without `-f`, and waits until it runs in the background.
 *
 * @param argv Its arguments, with `PORT` for the port.
 * @throws {Error} With what it wrote, if it does not exit with 0.
 */
export async function startBackground(
  argv: readonly string[],
  options: BackgroundOptions = {},
): Promise<Background> {
  const { port = freePort(), rundir = Deno.makeTempDirSync({ prefix: "balance-test-" }) } = options;
  const started = performance.now();
  const ended = await runBalance(argv, { ...options, port, rundir });
  const ms = performance.now() - started;
  if (ended.code !== 0) {
    throw new Error(`balance did not go to the background: ${JSON.stringify(ended)}`);
  }
  const socket = socketPath(rundir, port, options.address);
  const { pid } = await helloOf(socket);

  async function gone(timeoutMs = 5000): Promise<void> {
    await until(() => !isAlive(pid), { timeoutMs, what: `process ${pid} to end` });
  }
  return {
    port,
    pid,
    rundir,
    socket,
    parent: { ...ended, ms },
    alive: () => isAlive(pid),
    kill: (signal) => Deno.kill(pid, signal),
    gone,
    async [Symbol.asyncDispose]() {
      if (isAlive(pid)) Deno.kill(pid, "SIGKILL");
      await gone();
      if (options.rundir === undefined) await Deno.remove(rundir, { recursive: true });
    },
  };
}
