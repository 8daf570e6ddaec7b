import type { HeaderObserver } from "../engine.ts";
import { MSG_PEEK } from "./system/constants.ts";
import type { Context } from "./context.ts";
import { BROKEN, type EpollLink, FIN_SEEN, type LinkOwner } from "./link.ts";

/**
 * Reads a header at the start of a client's input. Bytes stay in the socket until it is complete, and
 * what follows it stays there.
 */
export class HeaderReader implements LinkOwner {
  readonly #context: Context;
  readonly #maxBytes: bigint;
  readonly #observer: HeaderObserver;

  constructor(context: Context, maxBytes: number, observer: HeaderObserver) {
    this.#context = context;
    this.#maxBytes = BigInt(maxBytes);
    this.#observer = observer;
  }

  event(link: EpollLink): void {
    const { c, buffer } = this.#context;
    const count = c.recv(link.descriptor, buffer, this.#maxBytes, MSG_PEEK);
    const taken = count > 0 ? this.#observer.arrived(buffer.subarray(0, count)) : undefined;
    if (taken === undefined && !(link.flags & (FIN_SEEN | BROKEN))) return;
    if (taken !== undefined && taken > 0) c.recv(link.descriptor, buffer, BigInt(taken), 0);
    link.owner = undefined;
    this.#observer.over();
  }

  bug(error: unknown): void {
    throw error;
  }
}
