import { bugLine } from "../base/errors.ts";
import type { Link, Listener } from "../engine/engine.ts";
import type { Ticking } from "./clock.ts";
import { Connection } from "./connection.ts";
import type { ConnectionContext } from "./context.ts";

/** Pause after accept failed for a shortage such as EMFILE, in milliseconds. */
const SHORTAGE_PAUSE_MS = 100;
/**
 * A graceful stop first accepts what waits in the backlog, which closing the socket would reset. The
 * backlog counts as empty after this many looks in a row without a new connection; one look alone
 * may follow a moment in which the system did not run us.
 */
const QUIET_LOOKS = 2, LOOK_MS = 5;
/** Maximum time for emptying the backlog, in milliseconds. */
const MAX_BACKLOG_MS = 200;

/** The notice when `maxConnections` are open. */
const FULL = "cannot accept more connections: the limit of file descriptors is reached";

/** A running accept loop and its connections. */
export interface Serving {
  /** Connections that are open now. */
  readonly connections: ReadonlySet<Connection>;
  /**
   * Stops accepting after the clients that wait in the backlog; open connections go on.
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
 * The loop never waits for a dial and never ends on an error. A shortage of file descriptors
 * (EMFILE) is reported once per burst, then accepting goes on after a pause. Clients that are not
 * accepted wait in the backlog and are not lost.
 *
 * @param listener Owned from now on.
 * @param context What connections share.
 * @param maxConnections Connections that may be open at a time; default no limit.
 */
export function serve(
  listener: Listener,
  context: ConnectionContext,
  maxConnections = Infinity,
): Serving {
  const loop = new AcceptLoop(listener, context, maxConnections);
  return {
    connections: loop.connections,
    stop: () => loop.stop(),
    stopNow: () => loop.stopNow(),
    done: loop.run(),
  };
}

class AcceptLoop {
  readonly connections = new Set<Connection>();
  readonly #listener: Listener;
  readonly #context: ConnectionContext;
  readonly #maxConnections: number;
  /** Keeps the clock running while there are connections, so that idle times are known. */
  readonly #keepsClockRunning: Ticking = { tick() {} };
  /** Resolves when the last connection has ended. */
  #idle: PromiseWithResolvers<void> | undefined;
  #stopped = false;
  #stopping: Promise<void> | undefined;
  #accepted = 0;
  #pause: { wake: () => void; untilRoom: boolean } | undefined;

  constructor(listener: Listener, context: ConnectionContext, maxConnections: number) {
    this.#listener = listener;
    this.#context = context;
    this.#maxConnections = maxConnections;
  }

  async run(): Promise<void> {
    await this.#acceptAll();
    if (this.connections.size > 0) await (this.#idle = Promise.withResolvers()).promise;
    this.#context.clock.stop();
  }

  stop(): Promise<void> {
    return this.#stopping ??= this.#emptyBacklog();
  }

  stopNow(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#listener.close();
    this.#pause?.wake();
  }

  async #acceptAll(): Promise<void> {
    const { shortage } = this.#context;
    while (!this.#stopped) {
      if (this.connections.size >= this.#maxConnections) {
        shortage.notice(FULL);
        await this.#paused();
        shortage.lasted(FULL);
        continue;
      }
      const accepted = await this.#listener.accept();
      if (!("failure" in accepted)) {
        this.#accepted++;
        this.#start(accepted);
      } else if (accepted.failure === "closed") return;
      else if (accepted.failure === "shortage" && !this.#stopped) {
        shortage.notice(`cannot accept connections: ${accepted.reason}`);
        await this.#paused(SHORTAGE_PAUSE_MS);
      }
    }
  }

  #start(client: Link): void {
    const { connections } = this, { clock, notice } = this.#context;
    const connection = new Connection(client, this.#context);
    if (connections.size === 0) clock.watch(this.#keepsClockRunning);
    connections.add(connection);
    // A bug in balance is reported and must not take other connections down.
    connection.run().catch((error) => notice(bugLine(error))).finally(() => {
      connections.delete(connection);
      if (this.#pause?.untilRoom) this.#pause.wake();
      if (connections.size > 0) return;
      clock.unwatch(this.#keepsClockRunning);
      this.#idle?.resolve();
    });
  }

  /** Pauses, by default until a connection ends; `stopNow` ends any pause. */
  async #paused(ms?: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
    this.#pause = { wake: resolve, untilRoom: ms === undefined };
    await promise;
    this.#pause = undefined;
    clearTimeout(timer);
  }

  async #emptyBacklog(): Promise<void> {
    const end = performance.now() + MAX_BACKLOG_MS;
    for (let quiet = 0; quiet < QUIET_LOOKS && !this.#stopped && performance.now() < end;) {
      const before = this.#accepted;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      quiet = this.#accepted === before ? quiet + 1 : 0;
    }
    this.stopNow();
  }
}
