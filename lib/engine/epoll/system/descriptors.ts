import type { LibC } from "./libc.ts";

/** Descriptors that fit into the first map of {@link Descriptors}. */
const FIRST_SIZE = 4096;

/**
 * The descriptors that the engine has open: sockets, pipes, its epoll set. Another thread of the
 * process may get a number again as soon as it is closed, so nothing is ever closed twice.
 */
export class Descriptors {
  readonly #c: LibC;
  /** Byte N is 1 while descriptor N is open. */
  #map: Uint8Array;
  readonly #isShared: boolean;
  /** Open ones beyond the end of a shared map. */
  readonly #beyond = new Set<number>();
  #isClosed = false;

  /** @param shared Shows another isolate what is open, so that it can close it. */
  constructor(c: LibC, shared: Uint8Array | undefined) {
    this.#c = c;
    this.#isShared = shared !== undefined;
    this.#map = shared ?? new Uint8Array(FIRST_SIZE);
  }

  /** A system call has opened it. */
  opened(descriptor: number): void {
    if (descriptor >= this.#map.length) {
      if (this.#isShared) return void this.#beyond.add(descriptor);
      this.#grow(descriptor);
    }
    this.#map[descriptor] = 1;
  }

  /**
   * As {@link opened}; returns the descriptor.
   *
   * @throws {Error} If it is -1.
   */
  required(descriptor: number): number {
    if (descriptor < 0) throw new Error("no file descriptor is free for the event loop");
    this.opened(descriptor);
    return descriptor;
  }

  /** Closes it, unless it has been closed by {@link closeAll}. */
  close(descriptor: number): void {
    if (this.#isClosed || !this.#forget(descriptor)) return;
    this.#c.close(descriptor);
  }

  /** Closes all; from then on, {@link close} does nothing: another engine may use the map. */
  closeAll(): void {
    for (let at = this.#map.indexOf(1); at >= 0; at = this.#map.indexOf(1, at + 1)) this.close(at);
    for (const descriptor of this.#beyond) this.close(descriptor);
    this.#isClosed = true;
  }

  /** Forgets it before it is closed: afterwards the number may belong to another thread. */
  #forget(descriptor: number): boolean {
    if (descriptor >= this.#map.length) return this.#beyond.delete(descriptor);
    if (this.#map[descriptor] !== 1) return false;
    this.#map[descriptor] = 0;
    return true;
  }

  #grow(descriptor: number): void {
    const larger = new Uint8Array(Math.max(2 * this.#map.length, descriptor + 1));
    larger.set(this.#map);
    this.#map = larger;
  }
}
