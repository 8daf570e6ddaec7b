import { formatEndpoint } from "../address/host_port.ts";
import { blamesBackend, type DialFailure } from "../base/reason.ts";
import type { Dial, Link } from "../engine/engine.ts";
import type { Claim } from "../schedule/claim.ts";
import { dialFailed, dialSucceeded } from "../schedule/verdict.ts";
import type { ClientWatch } from "./client_watch.ts";
import type { ConnectionContext } from "./context.ts";
import type { FailedAttempt } from "./observe.ts";
import { connectTimedOut, isSlowDial } from "./timeouts.ts";

/** What a connection does about the events of {@link Dialing}. */
export interface DialingEvents {
  /** An attempt failed; the text is for the packet dump. */
  readonly failed: (text: string) => void;
  /** The client has disconnected. */
  readonly left: () => void;
}

/**
 * The attempts of one connection to connect to a backend, one at a time. If an attempt is slow, it
 * also finds out whether the client disconnects.
 */
export class Dialing {
  /** Attempts that failed, in order; `undefined` if there are none. */
  failed: FailedAttempt[] | undefined;
  /** Milliseconds that the successful attempt took; known only if a monitor wants it. */
  connectMs: number | undefined;
  readonly #context: ConnectionContext;
  readonly #watch: () => ClientWatch;
  readonly #events: DialingEvents;
  /** Cancels the current attempt. */
  #attempt: Dial | undefined;
  /** Whether {@link giveUp} was called during the attempt. */
  #isGivenUp = false;
  /** When the attempt started, in milliseconds of the shared clock. */
  #since = 0;

  constructor(watch: () => ClientWatch, context: ConnectionContext, events: DialingEvents) {
    this.#watch = watch;
    this.#context = context;
    this.#events = events;
  }

  /** Connects to the backend of a claim. Never rejects. */
  async dial(claim: Claim): Promise<Link | DialFailure> {
    const { engine, table, clock, options, debug, monitor } = this.#context;
    const { group, channel } = claim;
    this.#isGivenUp = false;
    this.#since = clock.now;
    const started = monitor === undefined ? 0 : performance.now();
    const { promise, resolve } = Promise.withResolvers<Link | DialFailure>();
    const { source } = options;
    this.#attempt = engine.dial(claim.backend, { source }, { dialed: resolve });
    const result = await promise;
    this.#attempt = undefined;
    const backend = this.#isGivenUp ? withoutBackend(result) : result;
    const failure = typeof backend === "string" ? backend : undefined;
    if (monitor !== undefined) {
      this.connectMs = performance.now() - started;
      monitor.dialed?.({ account: claim.account, ms: this.connectMs, failure });
    }
    if (failure !== undefined) this.#dialFailed(claim, failure);
    else {
      debug?.(`connect to group ${group} channel ${channel} successful`);
      const event = dialSucceeded(table, claim);
      if (event !== undefined) this.#context.backendEvent(event);
    }
    return backend;
  }

  /** Whether the last attempt failed for lack of a descriptor or a local port. */
  get hadShortage(): boolean {
    const failure = this.failed?.at(-1)?.failure;
    return failure === "no descriptor" || failure === "no local port";
  }

  /** Cancels the current attempt. */
  cancel(): void {
    this.#attempt?.cancel("cancelled");
  }

  /** Ends the current attempt with `backend down`. */
  giveUp(): void {
    this.#isGivenUp = true;
    this.#attempt?.cancel("cancelled");
  }

  /** Checks the connect timeout, and whether the client has left. Called with each clock tick. */
  tick(now: number): void {
    if (this.#attempt === undefined) return;
    const span = { since: this.#since, now };
    if (connectTimedOut(this.#context.options, span)) this.#attempt.cancel("timeout");
    if (!isSlowDial(span)) return;
    const watch = this.#watch();
    watch.start((hasSent) => this.#clientReset(hasSent));
    if (watch.hasLeft(now)) this.#events.left();
  }

  #dialFailed(claim: Claim, failure: DialFailure): void {
    const { group, channel } = claim;
    const line = `connect to group ${group} channel ${channel} failed: ${failure}`;
    this.connectMs = undefined;
    (this.failed ??= []).push({ group, channel, failure });
    this.#context.debug?.(line);
    this.#events.failed(line);
    if (this.hadShortage) {
      this.#context.shortage.notice(`cannot connect to backends: ${failure}`);
    }
    const { table, options: { passive, autoDisable }, backendEvent } = this.#context;
    const event = dialFailed(table, claim, { failure, rules: passive });
    if (event !== undefined) backendEvent(event);
    if (autoDisable && blamesBackend(failure)) this.#disable(claim);
  }

  /** `-a`: disables the channel and prints the two lines of 3.35, unless it is already disabled. */
  #disable({ group, channel, backend, account, generation }: Claim): void {
    const { table } = this.#context;
    // The channel may have got another address since; the failure does not concern that one.
    if (table.account(group, channel) !== account) return;
    if (table.state(group, channel) !== "enabled") return;
    if (!table.setState(group, channel, "disabled")) return;
    this.#context.notice(`connection failed group ${group} channel ${channel}`);
    this.#context.notice(
      `${formatEndpoint(backend)} needs to be enabled manually ` +
        "using balance -i after the problem is solved",
    );
    this.#context.backendEvent({ kind: "disabled", group, channel, generation, text: "" });
  }

  /** The client is gone. What it has sent is delivered; the relay finds the end. */
  #clientReset(hasSent: boolean): void {
    if (this.#attempt !== undefined && !hasSent) this.#events.left();
  }
}

/** The result of an attempt that was given up; it may have succeeded at that moment. */
function withoutBackend(result: Link | DialFailure): "backend down" {
  if (typeof result !== "string") result.close();
  return "backend down";
}
