/**
 * How a connection gets its backend:
 *
 *     choosing --> dialing --> over, with a link
 *      ^  |  ^        |
 *      |  |  +--------+  if the dial failed
 *      |  |
 *      |  +--> waiting (in the wait line), then dialing
 *      |  +--> pausing (for a moment, because a channel is full), then choosing
 *      |  +--> over, without a link
 *
 * Every event is a callback, and `state` decides what it means, so that nothing of a search is left
 * once it is over.
 */

import type { DialFailure, Reason } from "../base/reason.ts";
import {
  type AcceptedLink,
  clientOf,
  type Dial,
  type DialObserver,
  type Link,
} from "../engine/engine.ts";
import type { Claim } from "../schedule/claim.ts";
import { clientKey } from "../schedule/client_key.ts";
import { dialSucceeded } from "../schedule/verdict.ts";
import { channelSearch } from "./channel_search.ts";
import { ClientWatch, type ClientWatcher } from "./client_watch.ts";
import type { Ticking } from "../timing/clock.ts";
import type { ConnectionContext } from "./context.ts";
import { isShortage, judgeFailure } from "./failed_dial.ts";
import { graceForFull } from "./grace.ts";
import type { ConnectionEnd, FailedAttempt } from "./observe.ts";
import { connectTimedOut, isSlowDial } from "./timeouts.ts";
import { Waiting, type WaitObserver } from "./waiting.ts";

/** The connection that a search is for. */
export interface SearchOwner extends Ticking {
  /** See `Connection.id`. */
  readonly id: number;
  /** The search is over: a backend has answered. The claim of the search is the owner's, too. */
  connected(backend: Link): void;
  /** The search is over without a backend. */
  notConnected(reason: Reason): void;
  /** An attempt failed; the text is for the packet dump. */
  attemptFailed(text: string): void;
  /** Ends the connection, and so the search, because the client has disconnected. */
  close(reason: "client left"): void;
  /** A callback threw: a bug in balance. The owner abandons the search. */
  failed(bug: unknown): void;
}

const NO_ATTEMPTS: readonly FailedAttempt[] = [];

/** What a search found out, for the log. */
export type SearchResult = Pick<ConnectionEnd, "failed" | "connectMs" | "waitedMs">;

/** The search of one connection for a backend. */
export class BackendSearch implements DialObserver, WaitObserver, ClientWatcher {
  /** What it does now. */
  state: "choosing" | "waiting" | "pausing" | "dialing" | "over" = "choosing";
  /** The channel of the current or last attempt; disposed of unless it is the current one. */
  claim: Claim | undefined;
  readonly #context: ConnectionContext;
  readonly #client: AcceptedLink;
  readonly #owner: SearchOwner;
  /** Finds channels, one after the other. */
  #channels: Generator<Claim, void, void> | undefined;
  #attempt: Dial | undefined;
  /** Whether the backend of the attempt was found down. */
  #isGivenUp = false;
  /** When the attempt started, in milliseconds of the shared clock. */
  #since = 0;
  /** When it started, in milliseconds of `performance.now()`; only if a monitor wants it. */
  #started = 0;
  #failedAttempts: FailedAttempt[] | undefined;
  #connectMs: number | undefined;
  /** Whether it must not go on. */
  #isStopped = false;
  /** Whether it has paused because a channel was full. */
  #hasPaused = false;
  /** Made only if it waits. */
  #waiting: Waiting | undefined;
  /** Made only if a dial is slow, or if it waits. */
  #watch: ClientWatch | undefined;

  constructor(owner: SearchOwner, client: AcceptedLink, context: ConnectionContext) {
    this.#owner = owner;
    this.#client = client;
    this.#context = context;
  }

  /** Starts the search, which may be over at once. */
  start(): void {
    this.#choose(true);
  }

  /** Stops the search. The owner learns when it is over, which may be at once. */
  stop(reason: Reason): void {
    this.#isStopped = true;
    if (this.state === "waiting") this.#waiting?.stop(reason);
    else if (this.state === "pausing") this.#end();
    else this.#attempt?.cancel("cancelled");
  }

  /** The backend of the current attempt is down: ends the attempt, and goes on to the next one. */
  giveUpAttempt(): void {
    if (this.state !== "dialing") return;
    this.#isGivenUp = true;
    this.#attempt?.cancel("cancelled");
  }

  /** Releases everything without calling the owner, because of a bug. */
  abandon(): void {
    const { state } = this;
    this.state = "over";
    this.#isStopped = true;
    this.#channels = undefined;
    if (state === "waiting") this.#waiting?.stop("shutdown");
    if (state === "dialing") this.#attempt?.cancel("cancelled");
  }

  /** What it has found out so far. */
  result(): SearchResult {
    return {
      failed: this.#failedAttempts ?? NO_ATTEMPTS,
      connectMs: this.#connectMs,
      waitedMs: this.#waiting?.waitedMs,
    };
  }

  /** Counts the time in the wait line; called when the client will not wait again. */
  waitingIsOver(): void {
    this.#waiting?.over();
  }

  /** Checks the time limits, and whether the client has left. Called with each clock tick. */
  tick(now: number): void {
    if (this.state === "waiting") {
      if (this.#watchClient().hasLeftLine(now)) this.#owner.close("client left");
      else this.#waiting?.tick(now);
    } else if (this.state === "dialing") {
      const span = { since: this.#since, now };
      if (connectTimedOut(this.#context.options, span)) this.#attempt?.cancel("timeout");
      if (isSlowDial(span) && this.#watchClient().hasLeft(now)) this.#owner.close("client left");
    }
  }

  #watchClient(): ClientWatch {
    return this.#watch ??= new ClientWatch(this.#client, this.#context, this);
  }

  /** The client is gone. During a dial, what it has sent is delivered; the relay finds the end. */
  clientReset(hasSent: boolean): void {
    const { state } = this;
    if (state === "waiting" || (state === "dialing" && !hasSent)) this.#owner.close("client left");
  }

  #choose(isFirst: boolean): void {
    this.state = "choosing";
    this.#channels = channelSearch(this.#context, this.#client, isFirst);
    this.#tryNext();
  }

  /** Dials the next channel. If there is none, waits or pauses, or else the search is over. */
  #tryNext(): void {
    this.state = "choosing";
    if (this.#isStopped) return this.#end();
    const claim = this.#channels?.next().value ?? undefined;
    if (claim !== undefined) this.#dial(claim);
    else if (this.#context.waiting !== undefined) this.#wait();
    else this.#pause();
  }

  #wait(): void {
    // A shortage of our own ends no sooner if it waits, and no channel is at fault.
    if (isShortage(this.#failedAttempts?.at(-1)?.failure)) return this.#end();
    const { clock } = this.#context;
    this.claim = undefined;
    this.#waiting ??= new Waiting(this.#context, this);
    this.state = "waiting";
    clock.watch(this.#owner);
    this.#waiting.wait(this.#owner.id, clientKey(clientOf(this.#client).address));
    if (this.state === "waiting") this.#watchClient();
  }

  /** See {@link WaitObserver.entered}. */
  entered(claim: Claim): void {
    this.claim = claim;
    this.#channels = channelSearch(this.#context, this.#client, false);
    this.#dial(claim);
  }

  /** See {@link WaitObserver.refused}. */
  refused(reason: Reason): void {
    if (this.state === "waiting") this.#end(reason);
  }

  /** See {@link WaitObserver.failed}. */
  failed(bug: unknown): void {
    this.#owner.failed(bug);
  }

  /** Tries once more after a moment if a channel is full. */
  #pause(): void {
    const { table, engine } = this.#context;
    if (this.#hasPaused || this.#failedAttempts !== undefined) return this.#end();
    this.#hasPaused = true;
    const grace = graceForFull(table, engine);
    if (grace === undefined) return this.#end();
    this.state = "pausing";
    void grace.then(() => this.#paused()).catch((bug) => this.#owner.failed(bug));
  }

  #paused(): void {
    if (this.state === "pausing") this.#choose(false);
  }

  #dial(claim: Claim): void {
    const { engine, table, clock, options: { source }, monitor } = this.#context;
    this.claim = claim;
    this.state = "dialing";
    this.#isGivenUp = false;
    this.#since = clock.now;
    if (monitor !== undefined) this.#started = performance.now();
    clock.watch(this.#owner);
    // What has arrived when the backend answers leaves together with the header.
    if (table.sendProxyOf(claim.account) !== "none") this.#watchClient();
    this.#attempt = engine.dial(claim.backend, { source }, this);
  }

  /** See {@link DialObserver.dialed}. */
  dialed(result: Link | DialFailure): void {
    this.#attempt = undefined;
    try {
      if (this.state === "dialing") this.#dialed(this.#isGivenUp ? withoutBackend(result) : result);
      else withoutBackend(result);
    } catch (bug) {
      withoutBackend(result);
      this.#owner.failed(bug);
    }
  }

  #dialed(result: Link | DialFailure): void {
    const { table, debug, monitor, backendEvent } = this.#context, claim = this.claim!;
    const failure = typeof result === "string" ? result : undefined;
    this.state = "choosing";
    if (monitor !== undefined) {
      this.#connectMs = performance.now() - this.#started;
      monitor.dialed?.({ account: claim.account, ms: this.#connectMs, failure });
    }
    if (typeof result === "string") return this.#dialFailed(claim, result);
    debug?.(`connect to group ${claim.group} channel ${claim.channel} successful`);
    const event = dialSucceeded(table, claim);
    if (event !== undefined) backendEvent(event);
    this.state = "over";
    this.#channels = undefined;
    this.#waiting?.over();
    this.#owner.connected(result);
  }

  #dialFailed(claim: Claim, failure: DialFailure): void {
    const { group, channel } = claim.place;
    const line = `connect to group ${group} channel ${channel} failed: ${failure}`;
    this.#connectMs = undefined;
    (this.#failedAttempts ??= []).push({ group, channel, failure });
    this.#context.debug?.(line);
    this.#owner.attemptFailed(line);
    judgeFailure(this.#context, claim, failure);
    claim[Symbol.dispose]();
    this.#tryNext();
  }

  #end(refusal?: Reason): void {
    this.state = "over";
    this.#channels = undefined;
    const hasTried = this.#failedAttempts !== undefined;
    this.#owner.notConnected(refusal ?? (hasTried ? "connect failed" : "nothing available"));
  }
}

/** The result of an attempt that was given up; it may have succeeded at that moment. */
function withoutBackend(result: Link | DialFailure): "backend down" {
  if (typeof result !== "string") result.close();
  return "backend down";
}
