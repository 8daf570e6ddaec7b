/**
 * The interface to the network. An engine listens, accepts, dials, relays bytes both ways,
 * half-closes and closes. Everything else is decided above it: which channel, failover, timeouts,
 * counters, why a connection ended. System errors are returned as values, never thrown.
 */

import type { Endpoint } from "../base/endpoint.ts";
import type { DialFailure } from "../base/reason.ts";
import type { Ending, Side } from "../base/side.ts";

/** An open TCP connection. Its owner closes it or passes it to {@link Engine.relay}. */
export interface Link {
  /** The peer; IPv4-mapped addresses as IPv4. */
  readonly remote: Endpoint;
  /** The local address. */
  readonly local: Endpoint;
  /** Closes both directions. May be repeated. */
  close(): void;
}

/** Why {@link Listener.accept} returned no connection. */
export interface AcceptFailure {
  /**
   * - `closed`: the listener is closed.
   * - `client gone`: the client disconnected before it was accepted.
   * - `shortage`: a system resource is exhausted, such as file descriptors; retry later.
   */
  readonly failure: "closed" | "client gone" | "shortage";
  /** The text of the system error, for example `Too many open files`. */
  readonly reason: string;
}

/** A listening socket. */
export interface Listener {
  /** The address it listens on; the actual port if port 0 was requested. */
  readonly local: Endpoint;
  /** Waits for the next connection. Never rejects. */
  accept(): Promise<Link | AcceptFailure>;
  /** Stops listening. Accepted connections stay open. */
  close(): void;
}

/** Why {@link Engine.listen} cannot listen. */
export interface ListenFailure {
  readonly failure: "in use" | "no permission" | "no descriptor" | "failed";
  /** The text of the system error, for example `Address already in use`. */
  readonly reason: string;
}

/** Receives the events of a relay. Absent functions cost nothing. */
export interface RelayObserver {
  /** A chunk from one side was written to the other side completely. */
  moved(side: Side, bytes: number): void;
  /**
   * Sees each chunk before it is written; the write waits for the promise. With this function, a
   * read buffer has at least `DUMP_BLOCK_BYTES`, so that a message is one chunk where possible.
   */
  chunk?: ((side: Side, bytes: Uint8Array) => Promise<void> | undefined) | undefined;
  /** The input from one side has ended; called at most once per side. */
  ended?: ((side: Side, how: Ending) => void) | undefined;
}

/** What ended a relay first. */
export interface RelayEnd {
  readonly side: Side;
  /** `"closed"`: by {@link Relay.close}; `side` has no meaning then. */
  readonly how: Ending | "closed";
}

/** A running relay. It owns both links and closes each exactly once. */
export interface Relay {
  /** Resolves when both links are closed. Never rejects. */
  readonly done: Promise<RelayEnd>;
  /** Closes both links now. */
  close(): void;
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
   * @param options `signal` cancels: the failure is `timeout` if that is its reason, else
   * `cancelled`. `source` is the local address (`-B`).
   */
  dial(
    to: Endpoint,
    options: { signal: AbortSignal; source?: string | undefined },
  ): Promise<Link | DialFailure>;
  /** Checks by trying whether {@link dial} can connect from a source address. */
  canDialFrom(source: string): Promise<SourceSupport>;
  /**
   * Reads from a client during the dial, to notice that it disconnects. The relay gets what was
   * read. Called at most once per link.
   *
   * @param options `gone` is called if the input ends before the first byte; `observed` is whether
   * the relay will have {@link RelayObserver.chunk}.
   */
  readAhead(
    client: Link,
    options: { gone: (how: Ending) => void; observed: boolean },
  ): void;
  /**
   * Relays bytes until both directions have ended. The end of one input is passed on as half-close;
   * the other direction goes on.
   */
  relay(client: Link, backend: Link, observer: RelayObserver): Relay;
}
