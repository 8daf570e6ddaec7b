import type { Reason } from "../base/reason.ts";
import { type Claim, claimOf, type Entry } from "../schedule/claim.ts";
import type { ClientKey } from "../schedule/client_key.ts";
import type { Place } from "../wait_line/wait_line.ts";
import type { ConnectionContext } from "./context.ts";

/** Receives how a client's time in the wait line ends: one call per {@link Waiting.wait}. */
export interface WaitObserver {
  /** It got a channel. Never called before `wait` has returned. */
  entered(claim: Claim): void;
  /** It stopped waiting without a channel; `wait` may call this. */
  refused(reason: Reason): void;
  /** Another callback threw: a bug in balance. */
  failed(bug: unknown): void;
}

/** One client in the wait line; it may wait again after its connect has failed. */
export class Waiting {
  /** Milliseconds that it has waited so far; `undefined` if it never waited. */
  waitedMs: number | undefined;
  readonly #context: ConnectionContext;
  readonly #observer: WaitObserver;
  /** When it has waited long enough, in milliseconds of the clock; -1 before it waits. */
  #until = -1;
  /** When it joined the line, in milliseconds of `performance.now()`. */
  #since = 0;
  #isOver = false;
  /** Its place while it waits. */
  #place: Place | undefined;

  constructor(context: ConnectionContext, observer: WaitObserver) {
    this.#context = context;
    this.#observer = observer;
  }

  /** Waits for a channel. */
  wait(id: number, client: ClientKey): void {
    const { waiting, clock } = this.#context, { line, waitMs } = waiting!;
    const again = this.#until >= 0;
    if (!again) this.#until = clock.now + waitMs;
    if (clock.now >= this.#until) return this.#observer.refused("wait timeout");
    const place = line.join(id, client, again);
    if (place === undefined) return this.#observer.refused("line full");
    this.#since = performance.now();
    this.#place = place;
    void place.entered.then((entry) => this.#entered(place, entry));
  }

  /** Counts the time that it waited, once, after it has waited for the last time. */
  over(): void {
    if (this.#isOver || this.waitedMs === undefined) return;
    this.#isOver = true;
    this.#context.monitor?.waited?.(this.waitedMs);
  }

  /** Leaves the line at once, so that it gets no channel. Has no effect unless it waits. */
  stop(reason: Reason): void {
    const place = this.#place;
    if (place === undefined) return;
    this.#left();
    const { waiting, table } = this.#context, late = waiting!.line.leave(place);
    // It got a channel at the moment it stopped waiting.
    if (late !== undefined) claimOf(table, late)[Symbol.dispose]();
    this.#observer.refused(reason);
  }

  /** Checks the time. Called with each clock tick while it waits. */
  tick(now: number): void {
    if (now >= this.#until) this.stop("wait timeout");
  }

  #entered(place: Place, entry: Entry): void {
    try {
      const claim = claimOf(this.#context.table, entry);
      // It stopped waiting just after it got a channel.
      if (this.#place !== place) return claim[Symbol.dispose]();
      this.#left();
      this.#observer.entered(claim);
    } catch (bug) {
      this.#observer.failed(bug);
    }
  }

  #left(): void {
    this.#place = undefined;
    this.waitedMs = (this.waitedMs ?? 0) + performance.now() - this.#since;
  }
}
