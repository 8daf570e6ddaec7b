/**
 * How isolates that accept on the same socket share the clients. The system wakes any of them, and
 * often the same one. So each accepts only while it has hardly more connections than the one that
 * has fewest, and otherwise wakes that one.
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

  /** Whether this isolate has hardly more connections than the one that has fewest. */
  mayAccept(): boolean {
    if (this.#options === undefined) return true;
    const { loads } = this.#options, least = loads[this.#least(loads)]!;
    return this.#open <= least + Math.max(MORE, least * MORE_PART);
  }

  /** Wakes the isolate that has the fewest connections. */
  wakeLeast(): void {
    if (this.#options === undefined) return;
    const { loads, wakeups } = this.#options;
    this.#c.write(wakeups[this.#least(loads)]!, this.#one, 8n);
  }

  #least(loads: Int32Array): number {
    let least = 0;
    for (let index = 1; index < loads.length; index++) {
      if (loads[index]! < loads[least]!) least = index;
    }
    return least;
  }

  #publish(): void {
    if (this.#options === undefined) return;
    const { loads, index } = this.#options;
    loads[index] = this.#isAccepting ? this.#open : NOT_ACCEPTING;
  }
}
