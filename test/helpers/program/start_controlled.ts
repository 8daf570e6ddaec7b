import { answers, socketPath } from "../net/control_socket.ts";
import { until } from "../t.ts";
import { type Balance, startBalance, type StartOptions } from "./start_balance.ts";

/** A running balance whose control socket answers. */
export interface Controlled extends Balance {
  /** Path of its control socket. */
  readonly socket: string;
}

/**
 * Starts the program in the foreground and waits until it answers at its control socket. That is
 * the last step of its start, so that it also accepts connections and handles signals.
 *
 * @param argv Its arguments, with `PORT` for the port.
 * @param options As of `startBalance()`, and `address`, that of its listener (default 0.0.0.0).
 */
export async function startControlled(
  argv: readonly string[],
  options: StartOptions & { address?: string } = {},
): Promise<Controlled> {
  const balance = await startBalance(argv, options);
  const rundir = options.env?.BALANCE_RUNDIR ?? balance.rundir;
  const socket = socketPath(rundir, balance.port, options.address);
  try {
    await until(() => answers(socket), {
      timeoutMs: 30_000,
      what: () => `${socket}; stderr: ${balance.stderr}`,
    });
  } catch (error) {
    await balance.stop("SIGKILL");
    throw error;
  }
  return Object.defineProperties(balance, { socket: { value: socket } }) as Controlled;
}
