/**
 * The life of one connection, from accept to close:
 *
 *     claim a channel -> dial it (the next claim if that fails) -> relay both ways -> release
 *
 * Everything is decided here; bytes are moved below the seam (lib/engine).
 */

import type { ConnectionInfo } from "../base/connection_info.ts";
import type { Endpoint } from "../base/endpoint.ts";
import { formatEndpoint } from "../address/host_port.ts";
import { formatIp, parseIp } from "../address/ip.ts";
import type { Ending, Side } from "../base/side.ts";
import type { Engine, Link, Relay, RelayEnd, RelayObserver } from "../engine/engine.ts";
import { type Claim, claims } from "../table/claims.ts";
import { hash } from "../table/hash.ts";
import type { Table } from "../table/table.ts";
import type { Clock, Ticking } from "./clock.ts";
import type { FailedAttempt, Monitor, Tap, TapMaker } from "./observe.ts";
import type { BurstVoice } from "./once_per_burst.ts";
import { blamesBackend, type DialFailure, type Reason } from "../base/reason.ts";

/** A client that waits for a dial is watched after so long: most dials are faster. */
const WATCH_AFTER_MS = 100;
/**
 * A client that has ended its output without a byte has left, or wants to hear what the backend
 * says first; nobody can tell. It is waited for so long, more than a backend that answers needs.
 */
const LEFT_AFTER_MS = 300;

/** What every connection is told. All of it can be cloned to another isolate. */
export interface ConnectionOptions {
  /** `-t`: milliseconds that one attempt to connect may take. */
  readonly connectTimeoutMs: number;
  /** `-T`: milliseconds without data in either direction until it ends; 0 for no limit. */
  readonly idleTimeoutMs: number;
  /** `-H`: failover within hash groups. */
  readonly hashFailover: boolean;
  /** `-a`: a channel that cannot be connected to is disabled. */
  readonly autoDisable: boolean;
  /** `-B`: local address of connections to backends. */
  readonly source?: string | undefined;
}

/** What all connections of one isolate share. */
export interface ConnectionContext {
  readonly engine: Engine;
  readonly table: Table;
  readonly clock: Clock;
  readonly options: ConnectionOptions;
  /** Says one line that an administrator should see. */
  readonly notice: (line: string) => void;
  /** Says that something of ours is short; absent: as a notice, once per burst. */
  readonly shortage?: BurstVoice | undefined;
  /** Connections that may be open in this isolate at a time; absent without a limit. */
  readonly maxConnections?: number | undefined;
  /** `-d`: says one line about what happens; absent without it. */
  readonly debug?: ((line: string) => void) | undefined;
  /** Makes the tap of a connection, for the packet dump; absent without one. */
  readonly tap?: TapMaker | undefined;
  /** Reads at most so many bytes at once; for the tap. */
  readonly chunkBytes?: number | undefined;
  /** Log and metrics; absent without them. */
  readonly monitor?: Monitor | undefined;
}

/** One client's connection. */
export class Connection implements Ticking, RelayObserver {
  /** Unique over all workers. */
  readonly id: number;
  readonly chunkBytes: number | undefined;
  chunk: RelayObserver["chunk"];
  readonly #context: ConnectionContext;
  readonly #client: Link;
  readonly #since = performance.now();
  #claim: Claim | undefined;
  #backend: Link | undefined;
  #relay: Relay | undefined;
  #tap: Tap | undefined;
  #dialing: AbortController | undefined;
  #dialingSince = 0;
  #watched = false;
  #leftSince = -1;
  #halfClosed = false;
  #lastActive: number;
  #sent = 0;
  #rcvd = 0;
  #failed: FailedAttempt[] | undefined;
  #connectMs: number | undefined;
  #stopped: Reason | undefined;

  /**
   * @param client An accepted link; this connection closes it.
   * @param context What it shares with others.
   */
  constructor(client: Link, context: ConnectionContext) {
    this.id = context.table.nextConnection();
    this.#client = client;
    this.#context = context;
    this.#lastActive = context.clock.now;
    this.chunkBytes = context.chunkBytes;
    if (context.tap !== undefined) this.setTap(context.tap);
  }

  /** What there is to know about it now. */
  info(): ConnectionInfo {
    const { table, clock } = this.#context;
    const claim = this.#claim;
    return {
      id: this.id,
      client: this.#client.remote,
      listener: this.#client.local,
      group: claim?.group,
      channel: claim?.channel,
      backend: claim && {
        address: formatIp(table.address(claim.group, claim.channel)),
        port: table.port(claim.group, claim.channel),
      },
      local: this.#backend?.local,
      state: this.#relay === undefined ? "dialing" : this.#halfClosed ? "half-closed" : "open",
      ageMs: Math.round(performance.now() - this.#since),
      idleMs: Math.round(clock.now - this.#lastActive),
      sent: this.#sent,
      rcvd: this.#rcvd,
    };
  }

  /**
   * Begins or ends to dump it.
   *
   * @param make Makes the tap; `undefined` ends it.
   */
  setTap(make: TapMaker | undefined): void {
    const tap = make?.(this.info());
    this.#tap = tap;
    this.chunk = tap && ((side, bytes) => tap.chunk(side, bytes));
    if (tap !== undefined && this.#relay !== undefined) tap.connected(this.info());
  }

  /**
   * Runs it to its end. Never rejects for anything that peers do.
   *
   * One function holds the claim from choosing to closing: what waits for as long as the
   * connection lives is paid for by each idle connection.
   */
  async run(): Promise<void> {
    const { table, clock, options, debug, monitor } = this.#context;
    debug?.(`connect from ${this.#client.remote.address}`);
    monitor?.started?.(this.info());
    let reason: Reason = "nothing available";
    const choices = claims(table, () => this.#hash(), {
      hashFailover: options.hashFailover,
      trace: debug,
    });
    try {
      for (using claim of choices) {
        this.#claim = claim;
        const backend = await this.#dial(claim);
        if (typeof backend === "string") reason = "connect failed";
        else reason = reasonOf(await this.#relayTo(backend).done);
        if (typeof backend !== "string" || this.#stopped !== undefined) break;
      }
    } finally {
      clock.unwatch(this);
      if (monitor !== undefined) this.#report(reason);
      this.#tap?.closed(this.#stopped ?? reason);
      this.#client.close();
    }
  }

  #report(reason: Reason): void {
    this.#context.monitor?.ended?.({
      ...this.info(),
      reason: this.#stopped ?? reason,
      failed: this.#failed ?? [],
      connectMs: this.#connectMs,
    });
  }

  /**
   * Ends it now: a dial is cancelled, a relay closed on both sides.
   *
   * @param reason Why.
   */
  close(reason: Reason): void {
    this.#stopped ??= reason;
    this.#dialing?.abort("cancelled");
    this.#relay?.close();
  }

  /** Bytes were written completely; called by the relay. */
  moved(side: Side, bytes: number): void {
    const { table, clock } = this.#context;
    this.#lastActive = clock.now;
    const claim = this.#claim;
    if (claim === undefined) return;
    if (side === "client") {
      this.#sent += bytes;
      table.addSent(claim.group, claim.channel, bytes);
    } else {
      this.#rcvd += bytes;
      table.addRcvd(claim.group, claim.channel, bytes);
    }
  }

  /** The input from one side has ended; called by the relay. */
  ended(side: Side, how: Ending): void {
    this.#halfClosed = true;
    this.#tap?.ended(side, how);
  }

  /** Looks at the time limits; called by the clock. */
  tick(now: number): void {
    const { options } = this.#context;
    if (this.#dialing !== undefined) {
      if (now - this.#dialingSince >= options.connectTimeoutMs) this.#dialing.abort("timeout");
      if (this.#leftSince >= 0 && now - this.#leftSince >= LEFT_AFTER_MS) this.close("client left");
      else if (!this.#watched && now - this.#dialingSince >= WATCH_AFTER_MS) this.#watch();
    } else if (this.#relay !== undefined && now - this.#lastActive > options.idleTimeoutMs) {
      const line = `timed out after ${options.idleTimeoutMs / 1000} seconds`;
      this.#context.notice(line);
      this.#tap?.event(line);
      this.close("idle limit");
    }
  }

  async #dial(claim: Claim): Promise<Link | DialFailure> {
    const { engine, table, clock, options, debug, monitor } = this.#context;
    const to: Endpoint = {
      address: formatIp(table.address(claim.group, claim.channel)),
      port: table.port(claim.group, claim.channel),
    };
    this.#dialing = new AbortController();
    this.#dialingSince = clock.now;
    clock.watch(this);
    const { signal } = this.#dialing;
    const began = monitor === undefined ? 0 : performance.now();
    const backend = await engine.dial(to, { signal, source: options.source });
    this.#dialing = undefined;
    const failure = typeof backend === "string" ? backend : undefined;
    if (monitor !== undefined) {
      this.#connectMs = performance.now() - began;
      const { group, channel } = claim;
      monitor.dialed?.({ group, channel, ms: this.#connectMs, failure });
    }
    if (failure !== undefined) this.#dialFailed(claim, { to, failure });
    else debug?.(`connect to group ${claim.group} channel ${claim.channel} successful`);
    return backend;
  }

  #dialFailed(claim: Claim, { to, failure }: { to: Endpoint; failure: DialFailure }): void {
    const { group, channel } = claim;
    const line = `connect to group ${group} channel ${channel} failed: ${failure}`;
    this.#connectMs = undefined;
    (this.#failed ??= []).push({ group, channel, failure });
    this.#context.debug?.(line);
    this.#tap?.event(line);
    if (failure === "no descriptor" || failure === "no local port") {
      this.#context.shortage?.say(`cannot connect to backends: ${failure}`);
    }
    if (this.#context.options.autoDisable && blamesBackend(failure)) this.#disable(claim, to);
  }

  /** `-a`: the two lines of 3.35, once per channel that was enabled until now. */
  #disable({ group, channel }: Claim, to: Endpoint): void {
    if (!this.#context.table.setEnabled(group, channel, false)) return;
    this.#context.notice(`connection failed group ${group} channel ${channel}`);
    this.#context.notice(
      `${formatEndpoint(to)} needs to be enabled manually ` +
        "using balance -i after the problem is solved",
    );
  }

  #relayTo(backend: Link): Relay {
    const { engine, clock, options } = this.#context;
    this.#lastActive = clock.now;
    if (options.idleTimeoutMs === 0) clock.unwatch(this);
    this.#backend = backend;
    this.#tap?.connected(this.info());
    this.#relay = engine.relay(this.#client, backend, this);
    // It was closed while the dial succeeded.
    if (this.#stopped !== undefined) this.#relay.close();
    return this.#relay;
  }

  #watch(): void {
    this.#watched = true;
    this.#context.engine.watch(this.#client, {
      chunkBytes: this.chunkBytes,
      gone: (how) => {
        if (this.#dialing === undefined) return;
        if (how === "reset") this.close("client left");
        else this.#leftSince = this.#context.clock.now;
      },
    });
  }

  #hash(): number {
    return hash(parseIp(this.#client.remote.address) ?? new Uint8Array(4));
  }
}

function reasonOf(end: RelayEnd): Reason {
  if (end.how === "closed") return "closed by control";
  return end.how === "end" ? `${end.side} closed` : `${end.side} reset`;
}
