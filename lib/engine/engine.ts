/**
 * The seam between deciding and moving bytes.
 *
 * Above it: choosing a channel, failover, timeouts, counters, observers, why a connection ended.
 * Below it, and only there: listen, accept, dial, move bytes both ways, half-close, close. Whatever
 * the system may refuse is a value here, never an exception. One suite of tests runs against this
 * interface for every engine.
 */

import type { Endpoint } from "../base/endpoint.ts";
import type { DialFailure } from "../base/reason.ts";
import type { Ending, Side } from "../base/side.ts";

/** An open TCP connection. Its holder closes it or passes it to {@link Engine.relay}. */
export interface Link {
  /** The peer; IPv4-mapped addresses as IPv4. */
  readonly remote: Endpoint;
  /** Our own end. */
  readonly local: Endpoint;
  /** Closes both directions. May be repeated. */
  close(): void;
}

/** Why {@link Listener.accept} returned no connection. */
export interface AcceptFailure {
  /**
   * - `closed`: the listener is closed, there will be no more connections.
   * - `client gone`: the client left before it was accepted.
   * - `shortage`: the system lacks something, such as file descriptors; retry later.
   */
  readonly failure: "closed" | "client gone" | "shortage";
  /** The system's words, for example `Too many open files`. */
  readonly reason: string;
}

/** A listening socket. */
export interface Listener {
  /** Where it listens; the actual port if port 0 was requested. */
  readonly local: Endpoint;
  /** Waits for the next connection. Never rejects. */
  accept(): Promise<Link | AcceptFailure>;
  /** Stops listening. Accepted connections stay open. */
  close(): void;
}

/** Why {@link Engine.listen} cannot listen. */
export interface ListenFailure {
  readonly failure: "in use" | "no permission" | "no descriptor" | "failed";
  /** The system's words, for example `Address already in use`. */
  readonly reason: string;
}

/** Receives what happens on a relay. Absent functions cost nothing. */
export interface RelayObserver {
  /** All bytes of a chunk from one side were written to the other. */
  moved(side: Side, bytes: number): void;
  /**
   * Sees each chunk before it is written; a promise holds the chunk back until it resolves.
   * While present, the engine reads at least `DUMP_BLOCK_BYTES` at a time, so that a message is
   * one chunk where possible.
   */
  chunk?: ((side: Side, bytes: Uint8Array) => Promise<void> | undefined) | undefined;
  /** The input from one side ended; called at most once per side. */
  ended?: ((side: Side, how: Ending) => void) | undefined;
}

/** What ended a relay first. */
export interface RelayEnd {
  readonly side: Side;
  /** `"closed"`: by {@link Relay.close}; `side` then means nothing. */
  readonly how: Ending | "closed";
}

/** A running relay. It owns both links and closes each exactly once. */
export interface Relay {
  /** Resolves when both links are closed. Never rejects. */
  readonly done: Promise<RelayEnd>;
  /** Ends it now: both sides see their connection closed. */
  close(): void;
}

/** Whether connections can be made from a local address (`-B`). */
export type SourceSupport =
  | "yes"
  /** It is not an address of this host. */
  | "not local"
  /** The runtime accepts the address but connects from another one. */
  | "ignored";

/** Moves bytes between sockets. */
export interface Engine {
  /**
   * Listens for TCP connections.
   *
   * @param at Address and port; port 0 for any free port.
   * @param options `shared`: several isolates of this process listen on the same address, which
   * must name its port (not 0).
   */
  listen(at: Endpoint, options?: { shared?: boolean }): Listener | ListenFailure;
  /**
   * Connects to a backend. Never rejects.
   *
   * @param to Where to.
   * @param options `signal` cancels: its reason `"timeout"` becomes the failure `timeout`, any
   * other one `cancelled`. `source` is the local address (`-B`).
   */
  dial(
    to: Endpoint,
    options: { signal: AbortSignal; source?: string | undefined },
  ): Promise<Link | DialFailure>;
  /** Finds out whether {@link dial} can use a source address, by trying it. */
  canDialFrom(source: string): Promise<SourceSupport>;
  /**
   * Reads from a client that is not relayed yet, to notice that it leaves. What it sends is kept
   * for the relay. May be called once per link.
   *
   * @param client A link that is not relayed yet.
   * @param options `gone` is called when its input ends without a single byte or is torn down;
   * `observed` whether the relay will have {@link RelayObserver.chunk}.
   */
  readAhead(
    client: Link,
    options: { gone: (how: Ending) => void; observed: boolean },
  ): void;
  /**
   * Moves bytes both ways until both directions have ended. The end of one input is passed on as
   * half-close; the other direction goes on.
   */
  relay(client: Link, backend: Link, observer: RelayObserver): Relay;
}
