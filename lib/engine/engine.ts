/**
 * The interface to the network. An engine listens, accepts, dials, relays bytes both ways,
 * half-closes and closes. Its callers decide everything else: which channel, failover, timeouts,
 * counters, why a connection ended. System errors are returned as values, never thrown.
 */

import type { Endpoint } from "../base/endpoint.ts";
import type { DialFailure } from "../base/reason.ts";
import type { Ending, Side } from "../base/side.ts";

/** A TCP connection. Its owner closes it or passes it to {@link Engine.relay}. */
export interface Link {
  /** The peer's address; an IPv4-mapped IPv6 address is given as IPv4. */
  readonly remote: Endpoint;
  /** The local address; `undefined` if the peer reset the connection before it was known. */
  readonly local: Endpoint | undefined;
  /** Closes both directions. Idempotent. */
  close(): void;
}

/** A connection from a client. */
export interface AcceptedLink extends Link {
  readonly local: Endpoint;
  /** The addresses that a PROXY header has named. Set by the owner, for {@link clientOf}. */
  announced?: Announced | undefined;
  /** Closes with a reset (RST). Absent where the engine cannot do that. */
  reset?(): void;
}

/** The connection of a client to the proxy that has sent its addresses in a PROXY header. */
export interface Announced {
  readonly client: Endpoint;
  /** The address that the client connected to. */
  readonly listener: Endpoint;
}

/** The addresses of a link. */
type Addressed = Pick<AcceptedLink, "remote" | "local" | "announced">;

/** The proxy that has named the client in a PROXY header; `undefined` if the peer is the client. */
export function peerOf(link: Addressed): Endpoint | undefined {
  return link.announced && link.remote;
}

/** The address that a client connected to, as a PROXY header has named it, or our own. */
export function listenerOf(link: Addressed): Endpoint {
  return link.announced?.listener ?? link.local;
}

/** The client of a connection: the one that a PROXY header has named, or the peer. */
export function clientOf(link: Addressed): Endpoint {
  return link.announced?.client ?? link.remote;
}

/** Why {@link Listener.accept} returned no connection. */
export interface AcceptFailure {
  /**
   * - `closed`: the listener is closed.
   * - `client gone`: the client reset the connection before its addresses were known.
   * - `shortage`: a system resource is exhausted, such as file descriptors; retry later.
   */
  readonly failure: "closed" | "client gone" | "shortage";
  /** The text of the system error, for example `Too many open files`. */
  readonly reason: string;
}

/** A socket that is bound and listens, though perhaps nothing accepts on it yet. */
export interface BoundSocket {
  /** The address it listens on, with the actual port if port 0 was requested. */
  readonly local: Endpoint;
  /** Its file descriptor, if {@link Engine.listen} in other isolates takes it over. */
  readonly descriptor?: number | undefined;
  /** Stops listening. Accepted connections stay open. Idempotent. */
  close(): void;
}

/** A listening socket that accepts in this isolate. */
export interface Listener extends BoundSocket {
  /**
   * Set if it accepts nothing yet: its port on 127.0.0.1. The main isolate must put another socket in
   * its place, see `claimListener()`.
   */
  readonly placeholder?: number | undefined;
  /**
   * Waits for the next connection. Never rejects. At most one call is pending. While none is, the
   * clients stay in the backlog.
   */
  accept(): Promise<AcceptedLink | AcceptFailure>;
}

/** Why {@link Engine.listen} cannot listen. */
export interface ListenFailure {
  /** `not local`: it is not an address of this host. */
  readonly failure: "in use" | "no permission" | "not local" | "no descriptor" | "failed";
  /** The text of the system error, for example `Address already in use`. */
  readonly reason: string;
}

/** Receives the result of a dial. */
export interface DialObserver {
  /**
   * The dial has ended; called exactly once, and never before {@link Engine.dial} has returned. The
   * observer owns the link.
   */
  dialed(result: Link | DialFailure): void;
}

/** A dial in progress. */
export interface Dial {
  /**
   * Ends the dial, whose result is then `reason`; has no effect if it has ended. The result may
   * arrive later, and may be a link if the dial succeeded at that moment.
   */
  cancel(reason: "timeout" | "cancelled"): void;
}

/**
 * Receives the events of a relay, never before {@link Engine.relay} has returned. A callback that is
 * left out costs nothing.
 */
export interface RelayObserver {
  /** A chunk from one side was completely written to the other side. */
  moved(side: Side, bytes: number): void;
  /**
   * Sees each chunk before it is written; the write waits for the promise. If this function exists,
   * a message that has arrived is one chunk where possible, up to `DUMP_BLOCK_BYTES`.
   */
  chunk?: ((side: Side, bytes: Uint8Array) => Promise<void> | undefined) | undefined;
  /** The input from one side has ended; called at most once per side. */
  ended?: ((side: Side, how: Ending) => void) | undefined;
  /**
   * Both links are closed; called exactly once, after all other callbacks.
   *
   * @param bug What another callback of this observer threw, which ends the relay: a bug in balance.
   */
  finished(end: RelayEnd, bug?: unknown): void;
}

/** Receives the start of a client's input, never before {@link Engine.readHeader} has returned. */
export interface HeaderObserver {
  /**
   * Bytes have arrived: all so far, valid during this call.
   *
   * @returns How many of them are removed from the input, which ends the reading; `undefined` if
   * more are needed.
   */
  arrived(bytes: Uint8Array): number | undefined;
  /** The reading is over: the bytes are removed, or the input has ended; called once. */
  over(): void;
}

/** What ended a relay first. */
export interface RelayEnd {
  readonly side: Side;
  /** `"closed"`: {@link Relay.close} was called; `side` is then meaningless. */
  readonly how: Ending | "closed";
}

/** A running relay. It owns both links and closes each exactly once. */
export interface Relay {
  /** Closes both links immediately; {@link RelayObserver.finished} may be called during this. */
  close(): void;
  /**
   * The sides to which a write is pending. Where closing does not end a write (Deno 2.6), it keeps
   * the socket of that side open after `finished`, until the peer reads or the socket is shut down.
   */
  readonly writingTo: readonly Side[];
  /**
   * Called after `finished`. Resolves when no write is pending, so that the descriptors of both links
   * are free; `undefined` if they already are.
   */
  freed(): Promise<void> | undefined;
}

/**
 * Whether connections can be made from a local address (`-B`).
 *
 * - `not local`: it is not an address of this host.
 * - `ignored`: the runtime accepts the address but connects from another one.
 */
export type SourceSupport = "yes" | "not local" | "ignored";

/** Binds addresses. The main isolate needs only this if other isolates serve. */
export interface Binder {
  /**
   * Binds an address and listens.
   *
   * @param at Port 0 selects a free port.
   * @param options `shared`: isolates of this process will listen on the same address, whose port
   * must not be 0. `joins`: another program of this user listens there and has allowed that.
   * `free`: this host need not have the address (`--freebind`).
   */
  bind(
    at: Endpoint,
    options?: { shared?: boolean; joins?: boolean; free?: boolean },
  ): BoundSocket | ListenFailure;
  /** Finds out whether {@link Engine.dial} can use a source address (`-B`). */
  canDialFrom(source: string): Promise<SourceSupport>;
}

/** How an isolate listens. */
export interface ListenOptions {
  /** Other isolates of this process listen on the same address; its port must not be 0. */
  readonly shared?: boolean | undefined;
  /** Another program of this user listens on the same address and has allowed that. */
  readonly joins?: boolean | undefined;
  /** This host need not have the address (`--freebind`). */
  readonly free?: boolean | undefined;
  /** {@link BoundSocket.descriptor} of a socket that another isolate has bound, and still owns. */
  readonly descriptor?: number | undefined;
}

/** Listens, connects and relays in one isolate. */
export interface Engine {
  /** Accepts TCP connections. Port 0 selects a free port. */
  listen(at: Endpoint, options?: ListenOptions): Listener | ListenFailure;
  /**
   * Connects to a backend. Never throws.
   *
   * A connection that the backend accepted and reset at once is a link, too: its relay ends with
   * `{ side: "backend", how: "reset" }`.
   *
   * @param options `source`: the local address (`-B`).
   */
  dial(to: Endpoint, options: { source: string | undefined }, observer: DialObserver): Dial;
  /**
   * Resolves when the events that have arrived so far are handled: bytes, ends and new connections.
   * The isolate handles messages and timers meanwhile.
   */
  nextTurn(): Promise<void>;
  /**
   * Calls a function before events are handled, with the time by `performance.now()`. An engine in
   * which timers may be late has this, for clocks.
   */
  beforeEvents?(observe: (now: number) => void): void;
  /**
   * Reads a header at the start of a client's input. What follows it is passed on to `readAhead` and
   * to the relay. Called at most once per link, before both of them. Closing the link may end it
   * without a call.
   *
   * @param maxBytes The observer gets at most this many bytes, and must then decide.
   */
  readHeader(client: Link, maxBytes: number, observer: HeaderObserver): void;
  /**
   * Reads from a client before the relay, to detect whether it disconnects. The bytes read are
   * passed on to the relay; there is a limit for them. Called at most once per link.
   *
   * @param options `gone` is called if the input ends, with the number of bytes before that.
   */
  readAhead(client: Link, options: { gone: (how: Ending, bytes: number) => void }): void;
  /**
   * Relays bytes until both directions have ended. When one side has finished sending, that is
   * passed on as half-close; the other direction continues.
   *
   * @param prefix Bytes for the backend before those of the client, at most a few hundred: one write
   * takes both if the client has sent something by now. The observer does not see them.
   */
  relay(client: Link, backend: Link, observer: RelayObserver, prefix?: Uint8Array): Relay;
  /**
   * Closes every socket of this isolate at once, without calling any observer, and stops. For an
   * isolate whose state cannot be trusted after a bug; an engine whose sockets end with their isolate
   * has no such function.
   */
  abandon?(): void;
}
