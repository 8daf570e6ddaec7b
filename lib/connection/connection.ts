/**
 * The life of one connection, from accept to close:
 *
 *     claim a channel -> dial it (the next claim if that fails) -> relay both ways -> release
 *
 * Everything is decided here; bytes are moved below the seam (lib/engine).
 */

import { formatEndpoint, formatIp, parseIp } from "../address/ip.ts";
import type { Ending, Side } from "../base/side.ts";
import type {
  DialFailure,
  Endpoint,
  Engine,
  Link,
  Relay,
  RelayEnd,
  RelayObserver,
} from "../engine/engine.ts";
import { type Claim, claims } from "../table/claims.ts";
import { hash } from "../table/hash.ts";
import type { Table } from "../table/table.ts";
import type { Clock, Ticking } from "./clock.ts";
import { blamesBackend, type Reason } from "./reason.ts";

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

/** Looks at one connection's bytes, for the packet dump. */
export interface Tap {
  /** A chunk before it is written; a promise holds it back until there is room. */
  chunk(side: Side, bytes: Uint8Array): Promise<void> | undefined;
  /** The input from one side has ended. */
  ended(side: Side, how: Ending): void;
}

/** What all connections of one isolate share. */
export interface ConnectionContext {
  readonly engine: Engine;
  readonly table: Table;
  readonly clock: Clock;
  readonly options: ConnectionOptions;
  /** Says one line that an administrator should see. */
  readonly notice: (line: string) => void;
  /** `-d`: says one line about what happens; absent without it. */
  readonly debug?: ((line: string) => void) | undefined;
  /** `-p`: makes the tap of a new connection; absent without it. */
  readonly tap?: (() => Tap) | undefined;
  /** Reads at most so many bytes at once; for the tap. */
  readonly chunkBytes?: number | undefined;
}

/** One client's connection. */
export class Connection implements Ticking, RelayObserver {
  readonly #context: ConnectionContext;
  readonly #client: Link;
  readonly #tap: Tap | undefined;
  #claim: Claim | undefined;
  #relay: Relay | undefined;
  #dialing: AbortController | undefined;
  #dialingSince = 0;
  #watched = false;
  #endedAt = -1;
  #lastActive = 0;
  #sent = 0;
  #rcvd = 0;
  #stopped: Reason | undefined;
  readonly chunkBytes: number | undefined;
  chunk?: RelayObserver["chunk"];
  ended?: RelayObserver["ended"];

  /**
   * @param client An accepted link; this connection closes it.
   * @param context What it shares with others.
   */
  constructor(client: Link, context: ConnectionContext) {
    this.#client = client;
    this.#context = context;
    this.#tap = context.tap?.();
    this.chunkBytes = context.chunkBytes;
    const tap = this.#tap;
    if (tap !== undefined) {
      this.chunk = (side, bytes) => tap.chunk(side, bytes);
      this.ended = (side, how) => tap.ended(side, how);
    }
  }

  /** Bytes from the client to backends. */
  get sent(): number {
    return this.#sent;
  }

  /** Bytes from backends to the client. */
  get rcvd(): number {
    return this.#rcvd;
  }

  /**
   * Runs it to its end.
   *
   * @returns Why it ended. Never rejects for anything that peers do.
   */
  async run(): Promise<Reason> {
    const { table, options, clock, debug } = this.#context;
    debug?.(`connect from ${this.#client.remote.address}`);
    let reason: Reason = "nothing available";
    const choices = claims(table, () => this.#hash(), {
      hashFailover: options.hashFailover,
      trace: debug,
    });
    try {
      for (using claim of choices) {
        this.#claim = claim;
        const backend = await this.#dial(claim);
        if (typeof backend !== "string") {
          reason = await this.#forward(backend);
          return this.#stopped ?? reason;
        }
        reason = "connect failed";
        if (this.#stopped !== undefined) break;
      }
    } finally {
      this.#claim = undefined;
      clock.unwatch(this);
      this.#client.close();
    }
    return this.#stopped ?? reason;
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

  /** Looks at the time limits; called by the clock. */
  tick(now: number): void {
    const { options } = this.#context;
    if (this.#dialing !== undefined) {
      if (now - this.#dialingSince >= options.connectTimeoutMs) this.#dialing.abort("timeout");
      if (this.#endedAt >= 0 && now - this.#endedAt >= LEFT_AFTER_MS) this.close("client left");
      else if (!this.#watched && now - this.#dialingSince >= WATCH_AFTER_MS) this.#watch();
    } else if (this.#relay !== undefined && now - this.#lastActive > options.idleTimeoutMs) {
      this.#context.notice(`timed out after ${options.idleTimeoutMs / 1000} seconds`);
      this.close("idle limit");
    }
  }

  async #dial(claim: Claim): Promise<Link | DialFailure> {
    const { engine, table, clock, options, debug } = this.#context;
    const to: Endpoint = {
      address: formatIp(table.address(claim.group, claim.channel)),
      port: table.port(claim.group, claim.channel),
    };
    this.#dialing = new AbortController();
    this.#dialingSince = clock.now;
    clock.watch(this);
    const { signal } = this.#dialing;
    const backend = await engine.dial(to, { signal, source: options.source });
    this.#dialing = undefined;
    const name = `group ${claim.group} channel ${claim.channel}`;
    if (typeof backend !== "string") {
      debug?.(`connect to ${name} successful`);
      return backend;
    }
    debug?.(`connect to ${name} failed: ${backend}`);
    if (options.autoDisable && blamesBackend(backend)) this.#disable(claim, to);
    return backend;
  }

  /** `-a`: the two lines of 3.35, once per channel that was enabled until now. */
  #disable(claim: Claim, to: Endpoint): void {
    if (!this.#context.table.setEnabled(claim.group, claim.channel, false)) return;
    this.#context.notice(`connection failed group ${claim.group} channel ${claim.channel}`);
    this.#context.notice(
      `${formatEndpoint(to.address, to.port)} needs to be enabled manually ` +
        "using balance -i after the problem is solved",
    );
  }

  async #forward(backend: Link): Promise<Reason> {
    const { engine, clock, options } = this.#context;
    if (this.#stopped !== undefined) {
      backend.close();
      return this.#stopped;
    }
    this.#lastActive = clock.now;
    if (options.idleTimeoutMs === 0) clock.unwatch(this);
    else clock.watch(this);
    this.#relay = engine.relay(this.#client, backend, this);
    const end = await this.#relay.done;
    return reasonOf(end);
  }

  #watch(): void {
    this.#watched = true;
    this.#context.engine.watch(this.#client, (how) => {
      if (this.#dialing === undefined) return;
      if (how === "reset") this.close("client left");
      else this.#endedAt = this.#context.clock.now;
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
