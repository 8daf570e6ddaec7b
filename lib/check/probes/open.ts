import { connectFrom } from "../../engine/deno/node_conn.ts";
import { wasEstablished } from "../../engine/failures.ts";
import type { ProbeConn } from "./exchange.ts";

/** Where a probe connects to. */
export interface ProbeAddress {
  readonly address: string;
  /** 1 to 65535. */
  readonly port: number;
  /** The local address to connect from (`-B`). */
  readonly source?: string | undefined;
}

/**
 * Connects to a backend. One that resets the connection at once has accepted it, so this does not
 * throw then, but its first read does.
 *
 * @param signal Cancels the attempt.
 * @throws {Error} Of the system, or the reason of `signal`.
 */
export async function open(to: ProbeAddress, signal: AbortSignal): Promise<ProbeConn> {
  if (to.source !== undefined) return await connectFrom(to.source, to, signal);
  try {
    // Happy Eyeballs (Deno 2.9) is not needed for a single address.
    const options = { hostname: to.address, port: to.port, signal, autoSelectFamily: false };
    return await Deno.connect(options as Deno.ConnectOptions);
  } catch (error) {
    if (signal.aborted || !wasEstablished(error)) throw error;
    const reset = () => Promise.reject(new Deno.errors.ConnectionReset("Connection reset by peer"));
    return { read: reset, write: reset, close() {} };
  }
}
