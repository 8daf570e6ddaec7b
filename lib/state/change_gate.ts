/** Whether commands may change what a successor gets (`--takeover`). */

/** Lets changes through, or refuses them. */
export class ChangeGate {
  #running = 0;
  #refusal: string | undefined;
  #isRetired = false;
  #idle: PromiseWithResolvers<void> | undefined;

  /** Whether a successor has taken over: a change here would have no effect there. */
  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** Why changes are refused, in one line; `undefined` if they are not. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** Runs a change. One that has begun may end, also after {@link close}. */
  async run<T>(change: () => T | Promise<T>): Promise<T> {
    this.#running++;
    try {
      return await change();
    } finally {
      if (--this.#running === 0) this.#idle?.resolve();
    }
  }

  /** Refuses changes from now on. Resolves when those that have begun are complete. */
  async close(): Promise<void> {
    this.#refusal = "a takeover is in progress, try again";
    if (this.#running === 0) return;
    this.#idle = Promise.withResolvers<void>();
    await this.#idle.promise;
  }

  /** Allows changes again. */
  open(): void {
    this.#refusal = undefined;
  }

  /** Refuses changes from now on. @param pid The process ID of the successor. */
  retire(pid: number): void {
    this.#refusal = `process ${pid} has taken over, and this one gets no new connections`;
    this.#isRetired = true;
  }
}
