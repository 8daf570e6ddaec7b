import { longestIdle } from "../../base/longest_idle.ts";
import type { Share } from "../../system/capacity.ts";
import type { HttpConnection } from "./http_connection.ts";

/** Maximum number of connections. */
export const MAX_CONNECTIONS = 32;
/** Milliseconds that a connection may be idle before another one may replace it. */
const MIN_IDLE_MS = 200;
/** Milliseconds between two attempts to take a descriptor that others hold. */
const RETRY_MS = 100;

/**
 * The places of connections, each with a descriptor. Room for the next one is made before it is
 * accepted: if all places are taken, the connection that has been idle longest is closed, first
 * those that never sent a request. If none is idle, the next one waits in the backlog.
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

  /** Whether somebody may be waiting for a place. */
  get crowded(): boolean {
    return this.#wake !== undefined;
  }

  /**
   * Takes a place and its descriptor, as soon as there are any.
   *
   * @returns `false` after {@linkcode stop}, without a place.
   */
  async take(): Promise<boolean> {
    while (!this.#stopped) {
      const hasPlace = this.#connections.size < MAX_CONNECTIONS;
      if (hasPlace && this.#descriptors.take()) return true;
      const idle = longestIdle(this.#connections);
      const idleSince = idle?.idleSince ?? Infinity;
      const wait = idleSince + MIN_IDLE_MS - performance.now();
      // At least one turn of the event loop: after a pause of the process, its request may be there.
      const changed = await this.#change(Math.min(Math.max(1, wait), RETRY_MS));
      if (!changed && wait <= RETRY_MS && idle?.idleSince === idleSince) idle.close();
    }
    return false;
  }

  /** Gives a place back that was taken for a connection that did not come. */
  release(): void {
    this.#descriptors.release();
  }

  /** Called when a connection becomes idle: it may be replaced. After a stop, it is closed. */
  becameIdle(connection: HttpConnection): void {
    if (this.#stopped) connection.close();
    else this.#wake?.();
  }

  /** Puts a connection into a place that was taken, and serves it. */
  start(connection: HttpConnection): void {
    this.#connections.add(connection);
    void connection.run().finally(() => {
      this.#connections.delete(connection);
      this.#descriptors.release();
      this.#wake?.();
      if (this.#connections.size === 0) this.#ended.resolve();
    });
  }

  /** Ends {@linkcode take}. */
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
