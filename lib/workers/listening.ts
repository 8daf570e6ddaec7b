import { SocketOrder } from "../reuseport/socket_order.ts";

/** Which workers listen, and in which order the system numbers their sockets. */
export class ListeningWorkers {
  readonly #workers = new Set<number>();
  readonly #order = new SocketOrder<number>();
  readonly #leaving = new Map<number, PromiseWithResolvers<void>>();

  /** How many listen, or are about to. */
  get size(): number {
    return this.#workers.size;
  }

  /** The worker whose socket has the highest number. */
  get last(): number | undefined {
    return this.#order.last;
  }

  /** A worker is about to listen. */
  starts(worker: number): void {
    this.#workers.add(worker);
  }

  /** A worker listens. */
  joined(worker: number): void {
    this.#order.joined(worker);
  }

  /** A worker does not listen any more. */
  left(worker: number): void {
    this.#workers.delete(worker);
    this.#order.left(worker);
    this.#leaving.get(worker)?.resolve();
  }

  /** Resolves when a worker does not listen any more. */
  async whenLeft(worker: number): Promise<void> {
    if (!this.#workers.has(worker)) return;
    const leaving = this.#leaving.get(worker) ?? Promise.withResolvers<void>();
    this.#leaving.set(worker, leaving);
    await leaving.promise;
  }

  /** Sockets of other programs, which came before those of the workers, were closed. */
  othersLeft(count: number): void {
    this.#order.othersLeft(count);
  }
}
