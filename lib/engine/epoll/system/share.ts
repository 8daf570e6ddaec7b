/**
 * How isolates that accept on the same socket share the clients. The system wakes any of them, and
 * often the same one. So each accepts only while it has hardly more connections than the one that
 * has fewest, and otherwise wakes that one.
 */

import { NOT_ACCEPTING, type ShareOptions } from "../../share.ts";
import type { LibC } from "./libc.ts";

/** How many connections more than the others an isolate may have: a number, or a part of theirs. */
const MORE = 4, MORE_PART = 1 / 8;

/** The share of this isolate. */
export class Share {
  readonly #c: LibC;
  readonly #options: ShareOptions | undefined;
  readonly #one = new Uint8Array(BigUint64Array.of(1n).buffer);
  #open = 0;
  #isAccepting = false;

  /** @param options `undefined` if no other isolate accepts. */
  constructor(c: LibC, options: ShareOptions | undefined) {
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

  /** Whether it is the turn of this isolate. */
  isDue(): boolean {
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
