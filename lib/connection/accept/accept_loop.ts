import { delay } from "@std/async/delay";
import type { Admitted } from "../../admission/admission.ts";
import type { Arrival } from "../../admission/arrival.ts";
import { bugLine } from "../../base/errors.ts";
import { type AcceptedLink, clientOf, type Listener } from "../../engine/engine.ts";
import type { Ticking } from "../../timing/clock.ts";
import { Connection } from "../connection.ts";
import type { ConnectionContext } from "../context.ts";
import type { ConnectionOwner } from "../observe.ts";
import { Arrivals, type ArrivalsOwner } from "./arrivals.ts";
import { ClosingConnections } from "./closing.ts";
import { refuse, reportGone } from "./unserved.ts";

/** Pause after accept failed for lack of a resource (such as EMFILE), in milliseconds. */
const SHORTAGE_PAUSE_MS = 100;
/**
 * A graceful stop first accepts the clients in the backlog, because closing the listening socket
 * would reset their connections. The backlog counts as empty after this many consecutive checks
 * without a new connection. One is not enough: if the process got no CPU time meanwhile, the check
 * may run before the accept loop.
 */
const QUIET_CHECKS = 2, CHECK_MS = 5;
/** Maximum time to empty the backlog, in milliseconds. */
const MAX_BACKLOG_MS = 200;

/** Printed when as many connections are open as there are descriptors for. */
const FULL = "cannot accept more connections: file descriptor limit reached";

/** A running accept loop and its connections. */
export interface Serving {
  /** The open connections, and those that are closing. */
  readonly connections: ReadonlySet<Connection>;
  /** Those whose PROXY header is awaited. */
  readonly arrivals: ReadonlySet<Arrival>;
  /**
   * Accepts the clients in the backlog, then stops accepting. Open connections continue.
   *
   * @returns A promise that resolves once new connections are refused.
   */
  stop(): Promise<void>;
  /** Stops accepting immediately; the backlog is reset. */
  stopNow(): void;
  /** Call this when the maximum number of connections, or the rate of accepts, has changed. */
  limitChanged(): void;
  /** Resolves when accepting has stopped and the last connection has ended or is closing. */
  readonly done: Promise<void>;
}

/**
 * Accepts connections and serves each of them.
 *
 * The loop does not wait for dials, and errors do not end it. When file descriptors run out
 * (EMFILE), it reports this once per burst and resumes after a pause. It also waits while the access
 * log or the packet dump has no room. Meanwhile, clients wait in the backlog. A client that resets
 * its connection before that is reported as `client left`, without its address. A client that
 * `ConnectionContext.admission` refuses is closed at once, with a reset if possible.
 *
 * @param listener The loop closes it.
 * @param maxConnections Returns how many connections may be open or closing, which may change.
 */
export function serve(
  listener: Listener,
  context: ConnectionContext,
  maxConnections = () => Infinity,
): Serving {
  return new AcceptLoop(listener, context, maxConnections);
}

class AcceptLoop implements Serving, ConnectionOwner<Connection>, ArrivalsOwner {
  readonly connections = new Set<Connection>();
  readonly done: Promise<void>;
  readonly #listener: Listener;
  readonly #context: ConnectionContext;
  readonly #maxConnections: () => number;
  /** Keeps the clock running while connections are open, so that their idle times are known. */
  readonly #keepsClockRunning: Ticking = {
    tick: (now) => {
      this.#closing.shutdownStuck(now);
      return this.#closing.size > 0 ? undefined : Infinity;
    },
  };
  readonly #arrivals: Arrivals;
  readonly #closing: ClosingConnections;
  /** Resolved when the last connection has ended or is closing. */
  #idle: PromiseWithResolvers<void> | undefined;
  #stopped = false;
  #stopping: Promise<void> | undefined;
  /** Connections accepted so far. */
  #accepted = 0;
  /**
   * The current pause. With `untilEnd`, it ends as soon as a connection ends; with `endsAtStop`, at
   * a graceful stop.
   */
  #pause: { wake: () => void; untilEnd: boolean; endsAtStop: boolean } | undefined;

  constructor(listener: Listener, context: ConnectionContext, maxConnections: () => number) {
    this.#listener = listener;
    this.#context = context;
    this.#maxConnections = maxConnections;
    this.#arrivals = new Arrivals(context, this);
    this.#closing = new ClosingConnections(context);
    this.done = this.#run();
  }

  get arrivals(): ReadonlySet<Arrival> {
    return this.#arrivals.open;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#emptyBacklog();
    if (this.#pause?.endsAtStop) this.#pause.wake();
    return this.#stopping;
  }

  stopNow(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#listener.close();
    this.#pause?.wake();
  }

  limitChanged(): void {
    this.#pause?.wake();
  }

  /** A connection or an arrival is over. */
  #freed(): void {
    if (this.#pause?.untilEnd) this.#pause.wake();
    if (this.#open === 0) this.#idle?.resolve();
  }

  async #run(): Promise<void> {
    await this.#acceptAll();
    if (this.#open > 0) await (this.#idle = Promise.withResolvers()).promise;
    this.#context.clock.stop();
  }

  get #open(): number {
    return this.connections.size - this.#closing.size + this.arrivals.size;
  }

  closing(connection: Connection): void {
    this.#closing.add(connection);
    if (this.#open === 0) this.#idle?.resolve();
  }

  ended(connection: Connection, bug: unknown): void {
    const { clock, notice } = this.#context;
    // A bug in balance is reported and does not affect other connections.
    if (bug !== undefined) notice(bugLine(bug));
    this.connections.delete(connection);
    this.#closing.delete(connection);
    if (this.connections.size === 0) clock.unwatch(this.#keepsClockRunning);
    this.#freed();
  }

  async #acceptAll(): Promise<void> {
    const { shortage } = this.#context;
    while (!this.#stopped) {
      // A graceful stop does not wait for room: it would reset the clients in the backlog.
      const waits = this.#stopping === undefined;
      const room = waits ? this.#context.room?.() : undefined;
      if (room !== undefined) {
        await this.#paused({ until: room });
        continue;
      }
      const pauseMs = waits ? this.#context.admission?.pauseMs() ?? 0 : 0;
      if (pauseMs > 0) {
        await this.#paused({ ms: pauseMs, endsAtStop: true });
        continue;
      }
      if (this.connections.size + this.arrivals.size >= this.#maxConnections()) {
        shortage.notice(FULL);
        await this.#paused();
        shortage.lasted(FULL);
        continue;
      }
      const accepted = await this.#listener.accept();
      if (!("failure" in accepted)) {
        this.#accepted++;
        const earlyMs = this.#context.admission?.accepted() ?? 0;
        if (earlyMs > 0 && this.#stopping === undefined) {
          await this.#paused({ ms: earlyMs, endsAtStop: true });
        }
        this.#accept(accepted);
      } else if (accepted.failure === "closed") return;
      else if (accepted.failure === "client gone") {
        this.#accepted++;
        reportGone(this.#context, this.#listener.local);
      } else if (accepted.failure === "shortage" && !this.#stopped) {
        shortage.notice(`cannot accept connections: ${accepted.reason}`);
        await this.#paused({ ms: SHORTAGE_PAUSE_MS });
      }
    }
  }

  /** Serves a client, unless it is refused, or must send a PROXY header first. */
  #accept(client: AcceptedLink): void {
    const { admission } = this.#context;
    if (admission === undefined) return this.#start(client);
    if (this.#stopped) return refuse(this.#context, client, { reason: "shutdown" });
    if (admission.expectsHeader(client.remote.address)) this.#arrivals.add(client);
    else this.#admit(client);
  }

  /** See {@link ArrivalsOwner.arrived}. */
  arrived(arrival: Arrival): void {
    this.#admit(arrival.link, arrival);
  }

  /** See {@link ArrivalsOwner.refused}. */
  refused(): void {
    this.#freed();
  }

  /** Serves a client that is known now, unless it is refused. */
  #admit(client: AcceptedLink, arrival?: Arrival): void {
    const { admission } = this.#context, reason = admission?.enter(clientOf(client).address);
    if (reason === undefined) {
      try {
        return this.#start(client, { admission, arrival });
      } catch (bug) {
        // No connection was made that would give it back.
        admission?.leave(clientOf(client).address);
        throw bug;
      }
    }
    admission?.uncount(arrival?.ageMs);
    refuse(this.#context, client, { reason, arrival });
    this.#freed();
  }

  #start(client: AcceptedLink, admitted?: Admitted): void {
    const connection = new Connection(client, this.#context, admitted);
    if (this.connections.size === 0) this.#context.clock.watch(this.#keepsClockRunning);
    this.connections.add(connection);
    connection.start(this);
  }

  /**
   * Pauses until `until` resolves, or for `ms` milliseconds of the clock; by default until a
   * connection ends. An immediate stop ends every pause, a graceful one those for room and those
   * with `endsAtStop`.
   */
  async #paused(
    { until, ms, endsAtStop = until !== undefined }: {
      until?: Promise<void>;
      ms?: number;
      endsAtStop?: boolean;
    } = {},
  ): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { clock } = this.#context, end = clock.now + (ms ?? Infinity);
    const timer: Ticking = { tick: (now) => now >= end ? resolve() : undefined };
    if (ms !== undefined) clock.watch(timer);
    void until?.then(resolve);
    const untilEnd = until === undefined && ms === undefined;
    this.#pause = { wake: resolve, untilEnd, endsAtStop };
    await promise;
    this.#pause = undefined;
    clock.unwatch(timer);
  }

  async #emptyBacklog(): Promise<void> {
    const end = performance.now() + MAX_BACKLOG_MS;
    for (let quiet = 0; quiet < QUIET_CHECKS && !this.#stopped && performance.now() < end;) {
      const before = this.#accepted;
      await delay(CHECK_MS);
      quiet = this.#accepted === before && this.#pause === undefined ? quiet + 1 : 0;
    }
    this.stopNow();
  }
}
