/** Which channels schedules may choose. */

import type { Accounts } from "./accounts.ts";
import { CHANNEL, type TableMemory } from "./layout.ts";
import { CAUTIONS, CHANNEL_HEALTHS, STATE } from "./states.ts";

/**
 * Whether a schedule may choose a channel now. `LAST_RESORT`: only if no other channel is available.
 * `CROWDED`: another client finds out whether it answers; only if there is no other
 * channel at all.
 */
export const UNUSABLE = 0, CROWDED = 1, LAST_RESORT = 2, USABLE = 3;

const DOWN = CHANNEL_HEALTHS.indexOf("down");
const NO_CAUTION = 0, SUSPECT = CAUTIONS.indexOf("suspect"), RESTING = CAUTIONS.indexOf("resting");
const HALF_OPEN = CAUTIONS.indexOf("half open");

/** The availability of all channels. */
export class Availability {
  readonly #memory: TableMemory;
  readonly #accounts: Accounts;
  readonly #words: Int32Array;

  constructor(memory: TableMemory, accounts: Accounts) {
    this.#memory = memory;
    this.#accounts = accounts;
    this.#words = memory.words;
  }

  /** See `Table.usable`. */
  usable(group: number, channel: number): number {
    const at = this.#memory.channel(group, channel);
    if (!this.#isWilling(at) || this.#isFull(at, group, channel)) return UNUSABLE;
    const caution = this.#words[at + CHANNEL.CAUTION]!;
    if (caution === NO_CAUTION) return USABLE;
    if (caution === RESTING) return UNUSABLE;
    if (this.#words[at + CHANNEL.PROBER] !== 0) {
      return this.#words[at + CHANNEL.HEALTH] === DOWN ? UNUSABLE : CROWDED;
    }
    return caution === SUSPECT ? LAST_RESORT : USABLE;
  }

  /** See `Table.full`. */
  full(group: number, channel: number): boolean {
    const at = this.#memory.channel(group, channel);
    // A negative maxc allows no connections at all.
    return this.#words[at + CHANNEL.CAUTION] === NO_CAUTION && this.#isWilling(at) &&
      this.#words[at + CHANNEL.MAXC]! > 0 && this.#isFull(at, group, channel);
  }

  #isWilling(at: number): boolean {
    if (this.#words[at + CHANNEL.STATE] !== STATE.enabled) return false;
    if (!this.#accounts.hasAddress(this.#words[at + CHANNEL.ACCOUNT]!)) return false;
    if (this.#words[at + CHANNEL.WEIGHT] === 0 || this.#words[at + CHANNEL.RAMP] === 0) {
      return false;
    }
    return this.#words[at + CHANNEL.HEALTH] !== DOWN ||
      this.#words[at + CHANNEL.CAUTION] === HALF_OPEN;
  }

  #isFull(at: number, group: number, channel: number): boolean {
    const maxc = this.#words[at + CHANNEL.MAXC]!;
    return maxc !== 0 && this.#accounts.connections(group, channel) >= maxc;
  }
}
