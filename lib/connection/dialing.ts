import { formatEndpoint } from "../address/host_port.ts";
import { blamesBackend, type DialFailure } from "../base/reason.ts";
import type { AcceptedLink, Link } from "../engine/engine.ts";
import type { Claim } from "../table/claims.ts";
import type { ConnectionContext } from "./context.ts";
import type { FailedAttempt } from "./observe.ts";
import { connectTimedOut, hasLeft, isSlowDial } from "./timeouts.ts";

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
  readonly #client: AcceptedLink;
  readonly #events: DialingEvents;
  /** Cancels the current attempt. */
  #attempt: AbortController | undefined;
  /** When the attempt started, in milliseconds of the shared clock, like the time below. */
  #since = 0;
  /** Whether {@link Engine.readAhead} was called; at most once per connection. */
  #readsAhead = false;
  /** When the client was seen to half-close; -1 if it was not. */
  #leftSince = -1;

  constructor(client: AcceptedLink, context: ConnectionContext, events: DialingEvents) {
    this.#client = client;
    this.#context = context;
    this.#events = events;
  }

  /** Connects to the backend of a claim. Never rejects. */
  async dial(claim: Claim): Promise<Link | DialFailure> {
    const { engine, clock, options, debug, monitor } = this.#context;
    const { group, channel } = claim;
    this.#attempt = new AbortController();
    this.#since = clock.now;
    const { signal } = this.#attempt;
    const started = monitor === undefined ? 0 : performance.now();
    const backend = await engine.dial(claim.backend, { signal, source: options.source });
    this.#attempt = undefined;
    const failure = typeof backend === "string" ? backend : undefined;
    if (monitor !== undefined) {
      this.connectMs = performance.now() - started;
      monitor.dialed?.({ account: claim.account, ms: this.connectMs, failure });
    }
    if (failure !== undefined) this.#dialFailed(claim, failure);
    else debug?.(`connect to group ${group} channel ${channel} successful`);
    return backend;
  }

  /** Cancels the current attempt. */
  cancel(): void {
    this.#attempt?.abort("cancelled");
  }

  /** Checks the connect timeout, and whether the client has left. Called with each clock tick. */
  tick(now: number): void {
    if (this.#attempt === undefined) return;
    const span = { since: this.#since, now };
    if (connectTimedOut(this.#context.options, span)) this.#attempt.abort("timeout");
    if (this.#leftSince >= 0 && hasLeft({ since: this.#leftSince, now })) this.#events.left();
    else if (!this.#readsAhead && isSlowDial(span)) this.#readAhead();
  }

  #dialFailed(claim: Claim, failure: DialFailure): void {
    const { group, channel } = claim;
    const line = `connect to group ${group} channel ${channel} failed: ${failure}`;
    this.connectMs = undefined;
    (this.failed ??= []).push({ group, channel, failure });
    this.#context.debug?.(line);
    this.#events.failed(line);
    if (failure === "no descriptor" || failure === "no local port") {
      this.#context.shortage.notice(`cannot connect to backends: ${failure}`);
    }
    if (this.#context.options.autoDisable && blamesBackend(failure)) this.#disable(claim);
  }

  /** `-a`: disables the channel and prints the two lines of 3.35, unless it is already disabled. */
  #disable({ group, channel, backend, account }: Claim): void {
    const { table } = this.#context;
    // The channel may have got another address since; the failure does not concern that one.
    if (table.account(group, channel) !== account) return;
    if (!table.setEnabled(group, channel, false)) return;
    this.#context.notice(`connection failed group ${group} channel ${channel}`);
    this.#context.notice(
      `${formatEndpoint(backend)} needs to be enabled manually ` +
        "using balance -i after the problem is solved",
    );
  }

  /** Reads from the client during a slow dial, to detect whether it disconnects. */
  #readAhead(): void {
    this.#readsAhead = true;
    this.#context.engine.readAhead(this.#client, {
      gone: (how) => {
        if (this.#attempt === undefined) return;
        if (how === "reset") this.#events.left();
        else this.#leftSince = this.#context.clock.now;
      },
    });
  }
}
