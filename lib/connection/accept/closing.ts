import type { SocketPair } from "../../base/endpoint.ts";
import type { Link } from "../../engine/engine.ts";
import { TICK_MS } from "../../timing/clock.ts";
import type { Connection } from "../connection.ts";
import type { ConnectionContext } from "../context.ts";

/**
 * How long a connection that has ended may have open sockets before they are shut down, and the
 * pause between two attempts, in milliseconds.
 */
const STUCK_MS = TICK_MS, SHUTDOWN_EVERY_MS = 1000;

/** The connections of one isolate that have ended, but have not closed their sockets yet. */
export class ClosingConnections {
  /** Since when they close, in milliseconds of the clock. */
  readonly #since = new Map<Connection, number>();
  readonly #context: Pick<ConnectionContext, "clock" | "requestShutdown">;
  /** When sockets were last shut down. */
  #shutdownAt = -Infinity;

  constructor(context: Pick<ConnectionContext, "clock" | "requestShutdown">) {
    this.#context = context;
  }

  /** How many there are. */
  get size(): number {
    return this.#since.size;
  }

  /** A connection has ended. */
  add(connection: Connection): void {
    this.#since.set(connection, this.#context.clock.now);
  }

  /** A connection has closed its sockets. */
  delete(connection: Connection): void {
    this.#since.delete(connection);
  }

  /** Shuts down the sockets that cannot be closed, but not more often than once a second. */
  shutdownStuck(now: number): void {
    const { requestShutdown } = this.#context;
    if (requestShutdown === undefined || now - this.#shutdownAt < SHUTDOWN_EVERY_MS) return;
    const stuck = [...this.#since].flatMap(([connection, since]) =>
      now - since < STUCK_MS ? [] : connection.stuckLinks.flatMap(socketOf)
    );
    if (stuck.length === 0) return;
    this.#shutdownAt = now;
    requestShutdown(stuck);
  }
}

/** The socket of a link; none if its addresses are not known. */
function socketOf({ local, remote }: Link): SocketPair[] {
  return local && remote ? [{ local, remote }] : [];
}
