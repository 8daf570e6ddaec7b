/**
 * One client connection, from accept to close:
 *
 *     searching --> relaying --> closing --> ended
 *        |             |                       ^
 *        +-------------+-----------------------+
 *
 * `searching`: see backend_search.ts. `closing`: it has ended, but its sockets are not closed yet.
 * Every event is a callback, so an idle connection is only this object, its claim and its relay.
 */

import type { ConnectionInfo, ConnectionState } from "../base/connection_info.ts";
import type { Endpoint } from "../base/endpoint.ts";
import type { Reason } from "../base/reason.ts";
import type { Ending, Side } from "../base/side.ts";
import type { Admission, Admitted } from "../admission/admission.ts";
import type { AcceptedLink, Link, Relay, RelayEnd, RelayObserver } from "../engine/engine.ts";
import { clientOf, listenerOf, peerOf } from "../engine/engine.ts";
import { reasonOf } from "../engine/relay_end.ts";
import { type Claim, placeOfClaim } from "../schedule/claim.ts";
import { BackendSearch, type SearchOwner, type SearchResult } from "./backend_search.ts";
import type { ConnectionContext } from "./context.ts";
import { announced, chunksTo, followed } from "./followed_tap.ts";
import type { ConnectionOwner, Tap, TapMaker } from "./observe.ts";
import { checkIdle } from "./idle_timeout.ts";

/** One client connection. The clock, the search and the relay call its callbacks. */
export class Connection implements SearchOwner, RelayObserver {
  /** Unique across all workers. */
  readonly id: number;
  /** Passes each chunk to the packet dump; `undefined` if there is no dump. */
  chunk: RelayObserver["chunk"];
  readonly #context: ConnectionContext;
  readonly #client: AcceptedLink;
  /** What counts its client; `undefined` if nothing does. */
  #admission: Admission | undefined;
  #phase: "searching" | "relaying" | "closing" | "ended" = "searching";
  #owner: ConnectionOwner<Connection> | undefined;
  /** When it was accepted, in milliseconds of `performance.now()`. */
  readonly #since: number;
  /** Kept in memory only until the relay. */
  #search: BackendSearch | undefined;
  /** What the search found out, for the log. */
  #found: SearchResult | undefined;
  #claim: Claim | undefined;
  #backend: Link | undefined;
  /** The local addresses of both links, for the log: the engine may forget them at the end. */
  #locals: Pick<ConnectionInfo, "listener" | "local"> | undefined;
  #relay: Relay | undefined;
  #tap: Tap | undefined;
  #halfClosed = false;
  /** Last activity: the connection to the backend was made, or a chunk was written. */
  #lastActive: number;
  #sent = 0;
  #rcvd = 0;
  /** The reason passed to {@link close}; `undefined` until then. */
  #stopped: Reason | undefined;
  #isReported = false;
  #bug: unknown;

  /**
   * @param client An accepted link; this connection closes it.
   * @param admitted An arrival gives it its number and its age.
   */
  constructor(client: AcceptedLink, context: ConnectionContext, admitted: Admitted = {}) {
    const { admission, arrival } = admitted;
    this.id = arrival?.id ?? context.table.nextConnection();
    this.#since = arrival?.since ?? performance.now();
    this.#client = client;
    this.#context = context;
    this.#admission = admission;
    this.#lastActive = context.clock.now;
    this.#search = new BackendSearch(this, client, context);
    this.setTap(context.tap());
  }

  /** The current state of the connection. */
  info(): ConnectionInfo {
    return {
      id: this.id,
      client: this.client,
      peer: peerOf(this.#client),
      listener: this.#locals?.listener ?? listenerOf(this.#client),
      ...placeOfClaim(this.claim),
      backend: this.claim?.backend,
      local: this.#locals?.local ?? this.#backend?.local,
      state: this.#state(),
      ageMs: Math.round(performance.now() - this.#since),
      idleMs: Math.round(this.#context.clock.now - this.#lastActive),
      sent: this.#sent,
      rcvd: this.#rcvd,
    };
  }

  /** The client: the one that a PROXY header has named, or the peer. */
  get client(): Endpoint {
    return clientOf(this.#client);
  }

  /** The channel that it has, or dials, or dialed last; `undefined` before one is chosen. */
  get claim(): Claim | undefined {
    return this.#search?.claim ?? this.#claim;
  }

  #state(): ConnectionState {
    if (this.#phase === "closing") return "closing";
    if (this.#search?.state === "waiting") return "waiting";
    return this.#relay === undefined ? "dialing" : this.#halfClosed ? "half-closed" : "open";
  }

  /** While it is closing: the links that it cannot close, because a write to them is pending. */
  get stuckLinks(): Link[] {
    const links = { client: this.#client, backend: this.#backend };
    return (this.#relay?.writingTo ?? []).flatMap((side) => links[side] ?? []);
  }

  /** Counts its client with `admission` from now on, unless something has counted it. */
  adoptFor(admission: Admission): void {
    if (this.#admission !== undefined) return;
    admission.adopt(this.client.address);
    this.#admission = admission;
  }

  /** Adds the connection to a packet dump; `undefined` removes it. */
  setTap(make: TapMaker | undefined): void {
    // The dump has its end already.
    if (this.#phase === "closing" || this.#phase === "ended") return;
    const tap = make && followed(make, this.#context.table, () => this.info());
    this.#tap = tap;
    this.chunk = tap && chunksTo(tap, this.#context.engine);
    if (this.#relay !== undefined) this.#tapConnected();
  }

  /**
   * Starts to serve the client.
   *
   * @param owner May be called during this.
   */
  start(owner: ConnectionOwner<Connection>): void {
    const { debug, monitor } = this.#context;
    this.#owner = owner;
    try {
      debug?.(`connect from ${this.client.address}`);
      monitor?.started?.(this.info());
      this.#search?.start();
    } catch (bug) {
      this.failed(bug);
    }
  }

  /** Its backend is down: closes it, or goes on to the next channel if it was still dialing. */
  backendDown(): void {
    if (this.#phase === "relaying") this.close("backend down");
    else this.#search?.giveUpAttempt();
  }

  /** Closes the connection immediately, and cancels a dial in progress. */
  close(reason: Reason): void {
    this.#stopped ??= reason;
    this.#search?.stop(reason);
    this.#relay?.close();
  }

  /** The search is over: relays to the backend. */
  connected(backend: Link): void {
    const { engine, table, clock, options, monitor } = this.#context;
    this.#backend = backend;
    this.#claim = this.#search?.claim;
    if (monitor !== undefined) this.#found = this.#search?.result();
    this.#search = undefined;
    this.#lastActive = clock.now;
    if (options.idleTimeoutMs === 0) clock.unwatch(this);
    if (monitor?.ended) this.#locals = { listener: listenerOf(this.#client), local: backend.local };
    this.#tapConnected();
    this.#phase = "relaying";
    const header = announced(this, table, this.#tap);
    this.#relay = engine.relay(this.#client, backend, this, header);
    // `close` may have been called after the dial succeeded.
    if (this.#stopped !== undefined) this.#relay.close();
  }

  /** The search is over without a backend. */
  notConnected(reason: Reason): void {
    this.#end(reason);
  }

  attemptFailed(text: string): void {
    this.#tap?.event(text);
  }

  /** A chunk from one side was written to the other side. */
  moved(side: Side, bytes: number): void {
    const { table, clock } = this.#context;
    this.#lastActive = clock.now;
    const claim = this.#claim;
    if (claim === undefined) return;
    if (side === "client") {
      this.#sent += bytes;
      table.addSent(claim.account, bytes);
    } else {
      this.#rcvd += bytes;
      table.addRcvd(claim.account, bytes);
    }
  }

  /** The input from one side has ended. */
  ended(side: Side, how: Ending): void {
    this.#halfClosed = true;
    this.#tap?.ended(side, how);
  }

  /** The relay has ended. */
  finished(end: RelayEnd, bug?: unknown): void {
    this.#bug ??= bug;
    const reason = this.#stopped ?? reasonOf(end);
    try {
      const freed = this.#relay?.freed();
      if (freed !== undefined) return this.#startClosing(reason, freed);
    } catch (bug) {
      this.#bug ??= bug;
    }
    this.#end(reason);
  }

  /** The end is reported now, but the claim is held as long as the descriptors. */
  #startClosing(reason: Reason, freed: Promise<void>): void {
    const { monitor } = this.#context;
    this.#report(reason);
    this.#phase = "closing";
    monitor?.closing?.();
    this.#owner?.closing(this);
    void freed.then(() => {
      monitor?.freed?.();
      this.#end(reason);
    }).catch((bug) => this.failed(bug));
  }

  /** Checks the time limits. */
  tick(now: number): number | void {
    try {
      if (this.#phase === "searching") this.#search?.tick(now);
      else if (this.#phase === "relaying") {
        return checkIdle(this, this.#context, { since: this.#lastActive, now, tap: this.#tap });
      }
    } catch (bug) {
      this.failed(bug);
    }
  }

  /** A connection that the filter of the dump excludes by its channel is removed from the dump. */
  #tapConnected(): void {
    if (this.#tap?.connected(this.info()) === false) this.setTap(undefined);
  }

  /** A callback threw: the connection ends, and its owner learns of the bug. */
  failed(bug: unknown): void {
    this.#bug ??= bug;
    if (this.#phase === "relaying" && this.#relay !== undefined) this.#relay.close();
    else this.#end("connect failed");
  }

  /** Reports the end unless that is done, and releases everything. */
  #end(reason: Reason): void {
    if (this.#phase === "ended") return;
    this.#phase = "ended";
    try {
      this.#search?.abandon();
      this.claim?.[Symbol.dispose]();
      this.#report(this.#stopped ?? reason);
    } catch (bug) {
      this.#bug ??= bug;
    }
    this.#context.clock.unwatch(this);
    this.#client.close();
    this.#backend?.close();
    this.#admission?.leave(this.client.address);
    this.#owner?.ended(this, this.#bug);
  }

  #report(reason: Reason): void {
    if (this.#isReported) return;
    this.#isReported = true;
    const { clock, monitor } = this.#context;
    clock.unwatch(this);
    this.#search?.waitingIsOver();
    const found = this.#found ?? this.#search?.result();
    try {
      monitor?.ended?.({ failed: [], ...this.info(), reason, ...found });
    } finally {
      this.#tap?.closed(reason);
    }
  }
}
