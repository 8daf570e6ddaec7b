import { bugLine, codeOf, messageOf } from "../base/errors.ts";
import type { Link, Listener } from "../engine/engine.ts";
import type { Ticking } from "./clock.ts";
import { Connection, type ConnectionContext } from "./connection.ts";
import { oncePerBurst } from "./once_per_burst.ts";

/** Milliseconds to wait when connections cannot be accepted for lack of something. */
const PAUSE_MS = 100;
/**
 * After so many looks in a row, so many milliseconds apart, without a new connection none is
 * believed to wait in the kernel any more; one alone may come right after the system has kept us
 * from running. Looking ends after `MOST_DRAIN_MS` in any case.
 */
const QUIET_LOOKS = 2, LOOK_MS = 5, MOST_DRAIN_MS = 200;

/** Said when there are `maxConnections`. */
const FULL = "cannot accept more connections: the limit of descriptors is reached";

/** A running accept loop and its connections. */
export interface Serving {
  /** Connections that are open now. */
  readonly connections: ReadonlySet<Connection>;
  /**
   * Stops accepting, behind those who are connected as far as they can tell: what waits in the
   * kernel is accepted, since it would be reset otherwise. Open connections go on.
   *
   * @returns Resolves when new connections are refused.
   */
  stop(): Promise<void>;
  /** Stops accepting at once. */
  stopNow(): void;
  /** Resolves when accepting has stopped and the last connection has ended. */
  readonly done: Promise<void>;
}

/**
 * Accepts connections and runs each to its end.
 *
 * The loop never waits for a dial and never ends on an error: a shortage of descriptors is
 * said once per burst, waited out, and accepting goes on. Who is not accepted waits in the
 * kernel, and is not lost.
 *
 * @param listener Owned from now on.
 * @param context What connections share.
 */
export function serve(listener: Listener, context: ConnectionContext): Serving {
  const connections = new Set<Connection>();
  // While there are connections the clock runs, so that each knows for how long it is idle.
  const presence: Ticking = { tick() {} };
  const idle: (() => void)[] = [];
  const { maxConnections = Infinity } = context;
  let stopped = false, accepted = 0;
  let pause: { wake: () => void; forRoom: boolean } | undefined;
  let stopping: Promise<void> | undefined;
  const { shortage = oncePerBurst(context.notice) } = context;
  // Not a copy: what is dumped may change while connections are served.
  const shared: ConnectionContext = Object.create(context, { shortage: { value: shortage } });

  function handle(client: Link): void {
    const connection = new Connection(client, shared);
    if (connections.size === 0) context.clock.watch(presence);
    connections.add(connection);
    connection.run().catch(internalError).finally(() => {
      connections.delete(connection);
      if (pause?.forRoom) pause.wake();
      if (connections.size > 0) return;
      context.clock.unwatch(presence);
      idle.forEach((resolve) => resolve());
    });
  }

  /** A bug of ours must not take other connections down; it is said. */
  function internalError(error: unknown): void {
    context.notice(bugLine(error));
  }

  async function accept(): Promise<void> {
    while (!stopped) {
      if (connections.size >= maxConnections) {
        shortage.say(FULL);
        await paused();
        shortage.lasted(FULL);
        continue;
      }
      try {
        handle(await listener.accept());
        accepted++;
      } catch (error) {
        if (stopped || error instanceof Deno.errors.BadResource) return;
        if (isPeers(error)) continue;
        shortage.say(`cannot accept connections: ${reasonOf(error)}`);
        await paused(PAUSE_MS);
      }
    }
  }

  /** Sleeps so long, or else until a connection ends; not through `stopNow`. */
  async function paused(ms?: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
    pause = { wake: resolve, forRoom: ms === undefined };
    await promise;
    pause = undefined;
    clearTimeout(timer);
  }

  function stopNow(): void {
    if (stopped) return;
    stopped = true;
    listener.close();
    pause?.wake();
  }

  async function drain(): Promise<void> {
    const end = performance.now() + MOST_DRAIN_MS;
    for (let quiet = 0; quiet < QUIET_LOOKS && !stopped && performance.now() < end;) {
      const before = accepted;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      quiet = accepted === before ? quiet + 1 : 0;
    }
    stopNow();
  }

  async function whenDone(): Promise<void> {
    await accept();
    if (connections.size > 0) await new Promise<void>((resolve) => idle.push(resolve));
    context.clock.stop();
  }

  return {
    connections,
    stop: () => stopping ??= drain(),
    stopNow,
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
