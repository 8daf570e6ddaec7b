import type { AcceptedLink, Engine } from "../engine/engine.ts";
import type { Clock } from "../timing/clock.ts";
import { hasLeft, hasLeftLine } from "./timeouts.ts";

/** Receives what {@link ClientWatch} notices. */
export interface ClientWatcher {
  /**
   * The client has reset the connection.
   *
   * @param hasSent Whether it had sent something before.
   */
  clientReset(hasSent: boolean): void;
}

/** Finds out whether a client disconnects while it has no backend yet. Reads from now on. */
export class ClientWatch {
  readonly #clock: Clock;
  #isReset = false;
  /** When the client was seen to half-close, in milliseconds of the clock; -1 if it was not. */
  #halfClosedAt = -1;
  /** Whether it had sent something before. */
  #hasSent = false;

  constructor(
    client: AcceptedLink,
    { engine, clock }: { engine: Engine; clock: Clock },
    watcher: ClientWatcher,
  ) {
    this.#clock = clock;
    engine.readAhead(client, {
      gone: (how, bytes) => {
        this.#hasSent = bytes > 0;
        this.#isReset = how === "reset";
        if (this.#isReset) watcher.clientReset(this.#hasSent);
        else this.#halfClosedAt = this.#clock.now;
      },
    });
  }

  /** Whether the client counts as gone during a dial, which is short. */
  hasLeft(now: number): boolean {
    // What it has sent is delivered.
    if (this.#hasSent) return false;
    return this.#isReset || (this.#halfClosedAt >= 0 && hasLeft(this.#halfClosed(now)));
  }

  /** Whether the client counts as gone in the wait line. */
  hasLeftLine(now: number): boolean {
    if (this.#isReset) return true;
    if (this.#halfClosedAt < 0) return false;
    return this.#hasSent ? hasLeftLine(this.#halfClosed(now)) : hasLeft(this.#halfClosed(now));
  }

  #halfClosed(now: number): { since: number; now: number } {
    return { since: this.#halfClosedAt, now };
  }
}
