import type { Reason } from "../base/reason.ts";
import { type Claim, claimOf } from "../schedule/claim.ts";
import type { ClientKey } from "../schedule/client_key.ts";
import type { Place } from "../wait_line/wait_line.ts";
import type { ClientWatch } from "./client_watch.ts";
import type { ConnectionContext } from "./context.ts";

/** One client in the wait line; it may wait again after its connect has failed. */
export class Waiting {
  /** Milliseconds that it has waited so far; `undefined` if it never waited. */
  waitedMs: number | undefined;
  /** Why it stopped waiting without a channel; `undefined` until then. */
  refusal: Reason | undefined;
  readonly #context: ConnectionContext;
  readonly #watch: () => ClientWatch;
  readonly #onLeft: () => void;
  /** When it has waited long enough, in milliseconds of the clock; -1 before it waits. */
  #until = -1;
  #isOver = false;
  #current: { place: Place; stop: (reason: Reason) => void } | undefined;

  constructor(
    context: ConnectionContext,
    { watch, onLeft }: { watch: () => ClientWatch; onLeft: () => void },
  ) {
    this.#context = context;
    this.#watch = watch;
    this.#onLeft = onLeft;
  }

  /** Whether it is in the line now. */
  get isWaiting(): boolean {
    return this.#current !== undefined;
  }

  /**
   * Waits for a channel.
   *
   * @returns Its claim; `undefined` for the reason in {@link refusal}.
   */
  async wait(id: number, client: ClientKey): Promise<Claim | undefined> {
    const { waiting, table, clock } = this.#context, { line, waitMs } = waiting!;
    const again = this.#until >= 0;
    if (!again) this.#until = clock.now + waitMs;
    if (clock.now >= this.#until) return this.#refuse("wait timeout");
    const place = line.join(id, client, again);
    if (place === undefined) return this.#refuse("line full");
    const { promise: stopped, resolve: stop } = Promise.withResolvers<Reason>();
    const since = performance.now();
    this.#current = { place, stop };
    this.#watch().start(this.#onLeft);
    const result = await Promise.race([place.entered, stopped]);
    this.#current = undefined;
    this.waitedMs = (this.waitedMs ?? 0) + performance.now() - since;
    return typeof result === "string" ? this.#refuse(result) : claimOf(table, result);
  }

  /** Counts the time that it waited, once, after it has waited for the last time. */
  over(): void {
    if (this.#isOver || this.waitedMs === undefined) return;
    this.#isOver = true;
    this.#context.monitor?.waited?.(this.waitedMs);
  }

  /** Leaves the line at once, so that it gets no channel. */
  stop(reason: Reason): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#current = undefined;
    const { waiting, table } = this.#context, late = waiting!.line.leave(current.place);
    // It got a channel at the moment it stopped waiting.
    if (late !== undefined) claimOf(table, late)[Symbol.dispose]();
    current.stop(reason);
  }

  /** Checks the time, and whether the client has left. Called with each clock tick. */
  tick(now: number): void {
    if (this.#watch().hasLeftLine(now)) this.#onLeft();
    else if (now >= this.#until) this.stop("wait timeout");
  }

  #refuse(reason: Reason): undefined {
    this.refusal = reason;
    return undefined;
  }
}
