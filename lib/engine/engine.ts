/**
 * The seam between deciding and moving bytes (DESIGN.md section 4).
 *
 * Above it: choosing a channel, failover, time limits, counters, observers, why a connection
 * ended. Below it, and only there: accept, dial an address, move bytes both ways, half-close,
 * close, say what happened. One suite of tests runs against this interface.
 */

import type { Endpoint } from "../base/endpoint.ts";
import type { DialFailure } from "../base/reason.ts";
import type { Ending, Side } from "../base/side.ts";

/** An open TCP connection. Whoever holds it closes it, or hands it to {@link Engine.relay}. */
export interface Link {
  /** The peer; IPv4-mapped addresses as IPv4. */
  readonly remote: Endpoint;
  /** Our own end. */
  readonly local: Endpoint;
  /** Closes both directions; harmless when closed already. */
  close(): void;
}

/** A listening socket. */
export interface Listener {
  /** Where it listens; the real port if 0 was asked for. */
  readonly local: Endpoint;
  /**
   * Waits for the next connection.
   *
   * @throws {Deno.errors.BadResource} After {@link close}.
   * @throws {Error} With `code` `"EMFILE"` and the like; accepting may go on later.
   */
  accept(): Promise<Link>;
  /** Stops listening; connections that were accepted stay. */
  close(): void;
}

/** Told what happens on a relay. Absent functions cost nothing. */
export interface RelayObserver {
  /** Bytes of one side were written to the other completely. */
  moved(side: Side, bytes: number): void;
  /** Sees each chunk before it is written; a promise holds the chunk back until it resolves. */
  chunk?: ((side: Side, bytes: Uint8Array) => Promise<void> | undefined) | undefined;
  /** The input from one side ended; said once per side at the most. */
  ended?: ((side: Side, how: Ending) => void) | undefined;
  /** Read exactly so many bytes at a time at most, instead of what suits the engine. */
  readonly chunkBytes?: number | undefined;
}

/** What ended a relay first. */
export interface RelayEnd {
  readonly side: Side;
  /** `"closed"`: by {@link Relay.close}, `side` then means nothing. */
  readonly how: Ending | "closed";
}

/** A running relay; it owns both links and closes each exactly once. */
export interface Relay {
  /** Resolves when both links are closed; never rejects. */
  readonly done: Promise<RelayEnd>;
  /** Ends it now: both sides see their connection closed. */
  close(): void;
}

/** Moves bytes between sockets. */
export interface Engine {
  /**
   * Listens for TCP connections.
   *
   * @param at Address and port, 0 for any free port.
   * @param options `shared`: several isolates of this process accept on the same port, which
   * all of them must name (not 0).
   * @throws {Deno.errors.AddrInUse} And others: if the address cannot be bound.
   */
  listen(at: Endpoint, options?: { shared?: boolean }): Listener;
  /**
   * Connects to a backend.
   *
   * @param to Where to.
   * @param options `signal` gives up, its reason is then the result; `source` is the local
   * address (`-B`).
   */
  dial(
    to: Endpoint,
    options: { signal: AbortSignal; source?: string | undefined },
  ): Promise<Link | DialFailure>;
  /**
   * Notices that a client leaves before it is relayed; what it sends meanwhile is kept for the
   * relay. To be called once per link at the most.
   *
   * @param client A link that is not relayed yet.
   * @param options `gone` is called when its input ends without a single byte before, or is
   * torn down; `chunkBytes` as in {@link RelayObserver}.
   */
  watch(
    client: Link,
    options: { gone: (how: Ending) => void; chunkBytes?: number | undefined },
  ): void;
  /**
   * Moves bytes both ways until both directions have ended. An end of input is passed on as
   * half-close, the other direction goes on.
   */
  relay(client: Link, backend: Link, observer: RelayObserver): Relay;
}
