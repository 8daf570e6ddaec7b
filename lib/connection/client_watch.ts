import type { AcceptedLink, Engine } from "../engine/engine.ts";
import type { Clock } from "./clock.ts";
import { hasLeft } from "./timeouts.ts";

/** Finds out whether a client disconnects while it has no backend yet. */
export class ClientWatch {
  readonly #client: AcceptedLink;
  readonly #engine: Engine;
  readonly #clock: Clock;
  #isWatching = false;
  #wasReset = false;
  /** When the client was seen to half-close, in milliseconds of the clock; -1 if it was not. */
  #halfClosedAt = -1;

  constructor(client: AcceptedLink, { engine, clock }: { engine: Engine; clock: Clock }) {
    this.#client = client;
    this.#engine = engine;
    this.#clock = clock;
  }

  /**
   * Starts to read from the client, unless that was done before.
   *
   * @param onReset Called if the client resets the connection before it sends anything.
   */
  start(onReset: () => void): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#engine.readAhead(this.#client, {
      gone: (how) => {
        this.#wasReset = how === "reset";
        if (this.#wasReset) onReset();
        else this.#halfClosedAt = this.#clock.now;
      },
    });
  }

  /** Whether the client counts as gone. */
  hasLeft(now: number): boolean {
    if (this.#wasReset) return true;
    return this.#halfClosedAt >= 0 && hasLeft({ since: this.#halfClosedAt, now });
  }
}
