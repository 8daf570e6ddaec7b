/**
 * How isolates that accept on the same socket share the clients. The system wakes any of them, and
 * often the same one. So each accepts only while it has about as many connections as any other
 * isolate that is idle, and otherwise wakes that one. Busy isolates take clients by themselves.
 */

import { type IsolateLoads, NOT_ACCEPTING } from "../isolate_loads.ts";
import type { LibC } from "./system/libc.ts";

/** How many connections more than the others an isolate may have: a number, or a part of theirs. */
const MORE = 4, MORE_PART = 1 / 8;

/** The share of this isolate. */
export class AcceptBalance {
  readonly #c: LibC;
  readonly #options: IsolateLoads | undefined;
  readonly #one = new Uint8Array(BigUint64Array.of(1n).buffer);
  #open = 0;
  #isAccepting = false;

  /** @param options `undefined` if no other isolate accepts. */
  constructor(c: LibC, options: IsolateLoads | undefined) {
    this.#c = c;
    this.#options = options;
    this.#publish();
  }

  /** A client was accepted. */
  opened(): void {
    this.#open++;
    this.#publish();
  }

  /** The connection of a client was closed. */
  closed(): void {
    this.#open--;
    this.#publish();
  }

  /** Whether this isolate accepts clients now; if not, the others do not wait for it. */
  setAccepting(value: boolean): void {
    if (this.#isAccepting === value) return;
    this.#isAccepting = value;
    this.#publish();
  }

  /** Whether this isolate waits for events now. */
  setWaiting(value: boolean): void {
    if (this.#options !== undefined) this.#options.waits[this.#options.index] = value ? 1 : 0;
  }

  /** Whether this isolate has at most a few more connections than any other idle isolate. */
  mayAccept(): boolean {
    const idlest = this.#idlest();
    if (idlest === undefined) return true;
    const least = this.#options!.loads[idlest]!;
    return this.#open <= least + Math.max(MORE, least * MORE_PART);
  }

  /** Wakes the one that has the fewest connections of those that wait for events. */
  wakeIdlest(): void {
    const idlest = this.#idlest();
    if (idlest !== undefined) this.#c.write(this.#options!.wakeups[idlest]!, this.#one, 8n);
  }

  #idlest(): number | undefined {
    if (this.#options === undefined) return undefined;
    const { index, loads, waits } = this.#options;
    let idlest: number | undefined;
    for (let other = 0; other < loads.length; other++) {
      if (other === index || waits[other] === 0 || loads[other] === NOT_ACCEPTING) continue;
      if (idlest === undefined || loads[other]! < loads[idlest]!) idlest = other;
    }
    return idlest;
  }

  #publish(): void {
    if (this.#options === undefined) return;
    const { loads, index } = this.#options;
    loads[index] = this.#isAccepting ? this.#open : NOT_ACCEPTING;
  }
}
