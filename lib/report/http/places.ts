import { longestIdle } from "../../base/longest_idle.ts";
import type { Share } from "../../system/capacity.ts";
import type { HttpConnection } from "./http_connection.ts";

/** Maximum number of connections that are served at a time. */
export const MAX_CONNECTIONS = 32;
/** Maximum number of descriptors: one connection more may be accepted, and wait for a place. */
export const MAX_DESCRIPTORS = MAX_CONNECTIONS + 1;
/** Milliseconds that a connection may be idle before another one may replace it. */
const MIN_IDLE_MS = 200;
/** Milliseconds between two attempts to take a descriptor that others hold. */
const RETRY_MS = 100;

/**
 * The places of connections, each with a descriptor. If all places are taken, the next connection
 * waits until the one that has been idle longest is closed, first those that never sent a request.
 * If none is idle, it waits for one. If no descriptor is left to accept the next connection with,
 * an idle one is closed before.
 */
export class Places {
  readonly #descriptors: Pick<Share, "take" | "release">;
  readonly #connections = new Set<HttpConnection>();
  #ended = Promise.withResolvers<void>();
  #wake: (() => void) | undefined;
  #stopped = false;

  constructor(descriptors: Pick<Share, "take" | "release">) {
    this.#descriptors = descriptors;
  }

  /** Whether a connection waits for a place, or no descriptor is left for the next one. */
  get crowded(): boolean {
    return this.#wake !== undefined;
  }

  /**
   * Takes a descriptor for the next connection, as soon as there is one.
   *
   * @returns `false` after {@linkcode stop}, without a descriptor.
   */
  take(): Promise<boolean> {
    return this.#makeRoom(() => this.#descriptors.take());
  }

  /** Gives a descriptor back that was taken for a connection that did not come. */
  release(): void {
    this.#descriptors.release();
  }

  /** Called when a connection becomes idle: it may be replaced. After a stop, it is closed. */
  becameIdle(connection: HttpConnection): void {
    if (this.#stopped) connection.close();
    else this.#wake?.();
  }

  /**
   * Serves a connection, for which a descriptor was taken. Resolves as soon as there was a place for
   * it. After {@linkcode stop}, it is closed instead.
   */
  async start(connection: HttpConnection): Promise<void> {
    if (!await this.#makeRoom(() => this.#connections.size < MAX_CONNECTIONS)) {
      connection.close();
      this.release();
      return;
    }
    this.#connections.add(connection);
    void connection.run().finally(() => {
      this.#connections.delete(connection);
      this.#descriptors.release();
      this.#wake?.();
      if (this.#connections.size === 0) this.#ended.resolve();
    });
  }

  /** Ends {@linkcode take} and {@linkcode start}. */
  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  /** Closes all connections, or only the idle ones. Resolves when all connections have ended. */
  async close({ idle }: { idle: boolean }): Promise<void> {
    if (this.#connections.size === 0) return;
    this.#ended = Promise.withResolvers();
    for (const each of this.#connections) if (!idle || each.idleSince < Infinity) each.close();
    await this.#ended.promise;
  }

  /** Closes idle connections until there is room. Returns `false` after {@linkcode stop}. */
  async #makeRoom(hasRoom: () => boolean): Promise<boolean> {
    while (!this.#stopped) {
      if (hasRoom()) return true;
      const idle = longestIdle(this.#connections);
      const idleSince = idle?.idleSince ?? Infinity;
      const wait = idleSince + MIN_IDLE_MS - performance.now();
      // At least one turn of the event loop: after a pause of the process, its request may be there.
      const changed = await this.#change(Math.min(Math.max(1, wait), RETRY_MS));
      if (!changed && wait <= RETRY_MS && idle?.idleSince === idleSince) idle.close();
    }
    return false;
  }

  /** Waits `ms` milliseconds. Returns `true` earlier if a connection ends or becomes idle. */
  async #change(ms: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#wake = () => resolve(true);
    const timer = setTimeout(() => resolve(false), ms);
    const changed = await promise;
    this.#wake = undefined;
    clearTimeout(timer);
    return changed;
  }
}
