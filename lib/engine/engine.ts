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

/** A listening socket. */
export interface Listener {
  /** The address it listens on, with the actual port if port 0 was requested. */
  readonly local: Endpoint;
  /** Waits for the next connection. Never rejects. */
  accept(): Promise<AcceptedLink | AcceptFailure>;
  /** Stops listening. Accepted connections stay open. */
  close(): void;
}

/** Why {@link Engine.listen} cannot listen. */
export interface ListenFailure {
  /** `not local`: it is not an address of this host. */
  readonly failure: "in use" | "no permission" | "not local" | "no descriptor" | "failed";
  /** The text of the system error, for example `Address already in use`. */
  readonly reason: string;
}

/** Receives the events of a relay. A callback that is left out costs nothing. */
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
}

/** What ended a relay first. */
export interface RelayEnd {
  readonly side: Side;
  /** `"closed"`: {@link Relay.close} was called; `side` is then meaningless. */
  readonly how: Ending | "closed";
}

/** A running relay. It owns both links and closes each exactly once. */
export interface Relay {
  /** Resolves when both links are closed. Never rejects. */
  readonly done: Promise<RelayEnd>;
  /** Closes both links immediately. */
  close(): void;
  /**
   * The sides to which a write is pending. Where closing does not end a write (Deno 2.6), it keeps
   * the socket of that side open after `done`, until the peer reads or the socket is shut down.
   */
  readonly writingTo: readonly Side[];
  /**
   * Called after `done`. Resolves when no write is pending, so that the descriptors of both links
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

/** Listens, connects and relays. */
export interface Engine {
  /**
   * Listens for TCP connections.
   *
   * @param at Port 0 selects a free port.
   * @param options `shared`: several isolates of this process listen on the same address, whose
   * port must not be 0.
   */
  listen(at: Endpoint, options?: { shared?: boolean }): Listener | ListenFailure;
  /**
   * Connects to a backend. Never rejects.
   *
   * A connection that the backend accepted and reset at once is a link, too: its relay ends with
   * `{ side: "backend", how: "reset" }`.
   *
   * @param options Aborting `signal` cancels the dial; the failure is `timeout` if that is its
   * reason, otherwise `cancelled`. `source` is the local address (`-B`).
   */
  dial(
    to: Endpoint,
    options: { signal: AbortSignal; source?: string | undefined },
  ): Promise<Link | DialFailure>;
  /** Finds out, with a test connection, whether {@link dial} can use a source address. */
  canDialFrom(source: string): Promise<SourceSupport>;
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
   */
  relay(client: Link, backend: Link, observer: RelayObserver): Relay;
}
