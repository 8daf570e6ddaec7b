/**
 * One client connection, from accept to close:
 *
 *     choose a channel, or wait for one -> dial it, or the next one if that fails
 *       -> relay both ways -> close
 *
 * This file decides what happens; the engine (lib/engine) does the network I/O. Long because it is
 * not split by role yet.
 */

import { formatEndpoint } from "../address/host_port.ts";
import type { ConnectionInfo, ConnectionState } from "../base/connection_info.ts";
import type { SocketPair } from "../base/endpoint.ts";
import type { Reason } from "../base/reason.ts";
import type { Ending, Side } from "../base/side.ts";
import type { AcceptedLink, Link, Relay, RelayEnd, RelayObserver } from "../engine/engine.ts";
import { reasonOf } from "../engine/relay_end.ts";
import type { Claim } from "../schedule/claim.ts";
import { clientKey } from "../schedule/client_key.ts";
import { channelSearch } from "./channel_search.ts";
import { ClientWatch } from "./client_watch.ts";
import type { Ticking } from "./clock.ts";
import type { ConnectionContext } from "./context.ts";
import { Dialing } from "./dialing.ts";
import type { Tap, TapMaker } from "./observe.ts";
import { idleTimedOut, timedOutText } from "./timeouts.ts";
import { graceForFull } from "./grace.ts";
import { afterWork } from "./turns.ts";
import { Waiting } from "./waiting.ts";

/** One client connection. The clock calls `tick`; the relay calls the other callbacks. */
export class Connection implements Ticking, RelayObserver {
  /** Unique across all workers. */
  readonly id: number;
  /** Passes each chunk to the packet dump; `undefined` if there is no dump. */
  chunk: RelayObserver["chunk"];
  readonly #context: ConnectionContext;
  readonly #client: AcceptedLink;
  /** When it was accepted, in milliseconds of `performance.now()`. */
  readonly #since = performance.now();
  /** Finds channels, one after the other; kept in memory only until the relay. */
  #searching: Generator<Claim, void, void> | undefined;
  #claim: Claim | undefined;
  #backend: Link | undefined;
  #relay: Relay | undefined;
  readonly #relayed = Promise.withResolvers<RelayEnd>();
  #tap: Tap | undefined;
  readonly #dialing: Dialing;
  readonly #waiting: Waiting | undefined;
  /** Made only if a dial is slow, or if it waits. */
  #watch: ClientWatch | undefined;
  #halfClosed = false;
  /** Whether it has waited for a moment because a channel was full. */
  #hadGrace = false;
  /** Last activity: the connection to the backend was made, or a chunk was written. */
  #lastActive: number;
  #sent = 0;
  #rcvd = 0;
  /** The reason passed to {@link close}; `undefined` until then. */
  #stopped: Reason | undefined;
  /** When it ended while a write was pending; -1 until then. */
  #closingSince = -1;

  /** @param client An accepted link; this connection closes it. */
  constructor(client: AcceptedLink, context: ConnectionContext) {
    this.id = context.table.nextConnection();
    this.#client = client;
    this.#context = context;
    this.#lastActive = context.clock.now;
    const watch = () => this.#watch ??= new ClientWatch(client, context);
    const left = () => this.close("client left");
    this.#dialing = new Dialing(watch, context, {
      failed: (text) => this.#tap?.event(text),
      left,
    });
    if (context.waiting !== undefined) {
      this.#waiting = new Waiting(context, { watch, onLeft: left });
    }
    const tap = context.tap();
    if (tap !== undefined) this.setTap(tap);
  }

  /** The current state of the connection. */
  info(): ConnectionInfo {
    const claim = this.#claim;
    return {
      id: this.id,
      client: this.#client.remote,
      listener: this.#client.local,
      group: claim?.group,
      channel: claim?.channel,
      backend: claim?.backend,
      local: this.#backend?.local,
      state: this.#state(),
      ageMs: Math.round(performance.now() - this.#since),
      idleMs: Math.round(this.#context.clock.now - this.#lastActive),
      sent: this.#sent,
      rcvd: this.#rcvd,
    };
  }

  #state(): ConnectionState {
    if (this.#closingSince >= 0) return "closing";
    if (this.#waiting?.isWaiting) return "waiting";
    return this.#relay === undefined ? "dialing" : this.#halfClosed ? "half-closed" : "open";
  }

  /** The sockets that it could not close for at least `ms` milliseconds. */
  stuckSockets(ms: number): SocketPair[] {
    if (this.#closingSince < 0 || this.#context.clock.now - this.#closingSince < ms) return [];
    const links = { client: this.#client, backend: this.#backend };
    return (this.#relay?.writingTo ?? []).flatMap((side) => {
      const { local, remote } = links[side] ?? {};
      return local && remote ? [{ local, remote }] : [];
    });
  }

  /** Adds the connection to a packet dump; `undefined` removes it. */
  setTap(make: TapMaker | undefined): void {
    // The dump has its end already.
    if (this.#closingSince >= 0) return;
    const tap = make?.(this.info());
    this.#tap = tap;
    this.chunk = tap && ((side, bytes) => {
      const start = performance.now();
      return afterWork(this.#context.engine, start, tap.chunk(side, bytes));
    });
    if (this.#relay !== undefined) this.#tapConnected();
  }

  /**
   * Serves the connection until its sockets are closed. A rejection is always a bug in balance.
   *
   * During the relay, it is the only suspended async function of the connection, to save memory.
   *
   * @param onClosing Called if it has ended but cannot close its sockets yet.
   */
  async run(onClosing?: () => void): Promise<void> {
    const { clock, debug, monitor } = this.#context;
    debug?.(`connect from ${this.#client.remote.address}`);
    monitor?.started?.(this.info());
    let reason: Reason = "nothing available";
    try {
      for (;;) {
        using claim = this.#nextClaim() ?? await this.#anotherClaim();
        if (claim === undefined) {
          reason = this.#waiting?.refusal ?? reason;
          break;
        }
        this.#claim = claim;
        clock.watch(this);
        const backend = await this.#dialing.dial(claim);
        if (typeof backend === "string") reason = "connect failed";
        else {
          const relay = this.#relayTo(backend);
          reason = reasonOf(await this.#relayed.promise);
          const freed = relay.freed();
          if (freed !== undefined) {
            // The end is reported now, but the claim is held as long as the descriptors.
            this.#finish(this.#stopped ?? reason);
            this.#closingSince = clock.now;
            monitor?.closing?.();
            onClosing?.();
            await freed;
            monitor?.freed?.();
          }
        }
        if (typeof backend !== "string" || this.#stopped !== undefined) break;
      }
    } finally {
      if (this.#closingSince < 0) this.#finish(this.#stopped ?? reason);
      this.#client.close();
      this.#backend?.close();
    }
  }

  #nextClaim(): Claim | undefined {
    this.#searching ??= this.#search(true);
    return this.#searching.next().value ?? undefined;
  }

  #search(isFirst: boolean): Generator<Claim, void, void> {
    return channelSearch(this.#context, this.#client.remote.address, isFirst);
  }

  /** Waits for a channel: in the wait line, or else for a moment if one is full. */
  async #anotherClaim(): Promise<Claim | undefined> {
    const { table, clock, engine } = this.#context;
    if (this.#stopped !== undefined) return undefined;
    if (this.#waiting !== undefined) {
      // A shortage of our own ends no sooner if it waits, and no channel is at fault.
      if (this.#dialing.hadShortage) return undefined;
      this.#claim = undefined;
      clock.watch(this);
      const claim = await this.#waiting.wait(this.id, clientKey(this.#client.remote.address));
      if (claim === undefined) return undefined;
      if (this.#stopped === undefined) {
        this.#searching = this.#search(false);
        return claim;
      }
      // `close` was called after it got a channel.
      claim[Symbol.dispose]();
      return undefined;
    }
    if (this.#hadGrace || this.#dialing.failed !== undefined) return undefined;
    this.#hadGrace = true;
    const grace = graceForFull(table, engine);
    if (grace === undefined) return undefined;
    await grace;
    this.#searching = this.#search(false);
    return this.#stopped === undefined ? this.#nextClaim() : undefined;
  }

  /** Its backend is down: closes it, or goes on to the next channel if it was still dialing. */
  backendDown(): void {
    if (this.#relay !== undefined) this.close("backend down");
    else this.#dialing.giveUp();
  }

  /** Closes the connection immediately, and cancels a dial in progress. */
  close(reason: Reason): void {
    this.#stopped ??= reason;
    this.#waiting?.stop(reason);
    this.#dialing.cancel();
    this.#relay?.close();
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
    if (bug === undefined) this.#relayed.resolve(end);
    else this.#relayed.reject(bug);
  }

  /** Checks the timeouts. */
  tick(now: number): void {
    const { options } = this.#context;
    if (this.#waiting?.isWaiting) return this.#waiting.tick(now);
    if (this.#relay === undefined) return this.#dialing.tick(now);
    if (!idleTimedOut(options, { since: this.#lastActive, now })) return;
    const text = timedOutText(options);
    this.#context.timedOut(`${this.#name()} ${text}`);
    this.#tap?.event(text);
    this.close("idle limit");
  }

  /** The client and the channel, for messages. */
  #name(): string {
    const { group, channel } = this.info();
    return `connection from ${formatEndpoint(this.#client.remote)} to channel ${group}.${channel}`;
  }

  #finish(reason: Reason): void {
    this.#context.clock.unwatch(this);
    this.#waiting?.over();
    this.#context.monitor?.ended?.({
      ...this.info(),
      reason,
      failed: this.#dialing.failed ?? [],
      connectMs: this.#dialing.connectMs,
      waitedMs: this.#waiting?.waitedMs,
    });
    this.#tap?.closed(reason);
  }

  #relayTo(backend: Link): Relay {
    const { engine, clock, options } = this.#context;
    this.#lastActive = clock.now;
    if (options.idleTimeoutMs === 0) clock.unwatch(this);
    this.#backend = backend;
    this.#searching = undefined;
    this.#waiting?.over();
    this.#tapConnected();
    this.#relay = engine.relay(this.#client, backend, this);
    // `close` may have been called after the dial succeeded.
    if (this.#stopped !== undefined) this.#relay.close();
    return this.#relay;
  }

  /** A connection that the filter of the dump excludes by its channel is removed from the dump. */
  #tapConnected(): void {
    if (this.#tap?.connected(this.info()) === false) this.setTap(undefined);
  }
}
