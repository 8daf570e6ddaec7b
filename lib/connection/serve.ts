import { codeOf, messageOf } from "../base/errors.ts";
import type { Link, Listener } from "../engine/engine.ts";
import type { Ticking } from "./clock.ts";
import { Connection, type ConnectionContext } from "./connection.ts";
import { oncePerBurst } from "./once_per_burst.ts";

/** Milliseconds to wait when connections cannot be accepted for lack of something. */
const PAUSE_MS = 100;

/** A running accept loop and its connections. */
export interface Serving {
  /** Connections that are open now. */
  readonly connections: ReadonlySet<Connection>;
  /** Stops accepting; open connections go on. */
  stop(): void;
  /** Resolves when accepting has stopped and the last connection has ended. */
  readonly done: Promise<void>;
}

/**
 * Accepts connections and runs each to its end.
 *
 * The loop never waits for a dial and never ends on an error: a shortage of descriptors is
 * said once per burst, waited out, and accepting goes on.
 *
 * @param listener Owned from now on.
 * @param context What connections share.
 */
export function serve(listener: Listener, context: ConnectionContext): Serving {
  const connections = new Set<Connection>();
  // While there are connections the clock runs, so that each knows for how long it is idle.
  const presence: Ticking = { tick() {} };
  const idle: (() => void)[] = [];
  let stopped = false;
  let pause: { wake: () => void } | undefined;
  const shortage = oncePerBurst(context.notice);
  // Not a copy: what is dumped may change while connections are served.
  const shared: ConnectionContext = Object.create(context, { shortage: { value: shortage } });

  function handle(client: Link): void {
    const connection = new Connection(client, shared);
    if (connections.size === 0) context.clock.watch(presence);
    connections.add(connection);
    connection.run().catch(internalError).finally(() => {
      connections.delete(connection);
      if (connections.size > 0) return;
      context.clock.unwatch(presence);
      idle.forEach((resolve) => resolve());
    });
  }

  /** A bug of ours must not take other connections down; it is said. */
  function internalError(error: unknown): void {
    context.notice(`internal error: ${error instanceof Error ? error.stack : error}`);
  }

  async function accept(): Promise<void> {
    while (!stopped) {
      try {
        handle(await listener.accept());
      } catch (error) {
        if (stopped || error instanceof Deno.errors.BadResource) return;
        if (isPeers(error)) continue;
        shortage(`cannot accept connections: ${reasonOf(error)}`);
        await wait(PAUSE_MS);
      }
    }
  }

  /** Sleeps, but not through `stop`. */
  function wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      pause = { wake: () => (clearTimeout(timer), resolve()) };
    });
  }

  async function whenDone(): Promise<void> {
    await accept();
    if (connections.size > 0) await new Promise<void>((resolve) => idle.push(resolve));
    context.clock.stop();
  }

  return {
    connections,
    stop() {
      if (stopped) return;
      stopped = true;
      listener.close();
      pause?.wake();
    },
    done: whenDone(),
  };
}

/** The reason without the number that the runtime adds. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/ \(os error \d+\)$/, "");
}

/** Whether the peer took its connection back before it was accepted: nothing of ours is short. */
function isPeers(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.NotConnected || codeOf(error) === "EPROTO";
}
