import type { Ending } from "../../base/side.ts";
import { MSG_PEEK } from "./system/constants.ts";
import { BUFFER_BYTES, type Context } from "./context.ts";
import { BROKEN, type EpollLink, FIN_SEEN, type LinkOwner, RESET } from "./link.ts";

const BUFFER_SIZE = BigInt(BUFFER_BYTES);

/**
 * Waits until a client ends its input, without reading: what it has sent waits in its socket.
 *
 * An end after more bytes than the socket holds is not noticed.
 */
export class AheadWatch implements LinkOwner {
  readonly #context: Context;
  readonly #gone: (how: Ending, bytes: number) => void;

  /** @param gone Called once, with the number of bytes before the end, up to 64 KiB. */
  constructor(context: Context, gone: (how: Ending, bytes: number) => void) {
    this.#context = context;
    this.#gone = gone;
  }

  event(link: EpollLink): void {
    if (!(link.flags & (FIN_SEEN | BROKEN))) return;
    link.owner = undefined;
    const { c, buffer } = this.#context;
    const count = c.recv(link.descriptor, buffer, BUFFER_SIZE, MSG_PEEK);
    this.#gone(link.flags & RESET ? "reset" : "end", Math.max(count, 0));
  }

  /** The end may have been seen before, while a header was read: there is no event for it then. */
  lookAt(link: EpollLink): void {
    if (!(link.flags & (FIN_SEEN | BROKEN))) return;
    this.#context.loop.defer({
      run: () => link.owner === this ? this.event(link) : undefined,
      bug: (error) => this.bug(error),
    });
  }

  bug(error: unknown): void {
    throw error;
  }
}
