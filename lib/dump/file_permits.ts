import { counted } from "../base/integers.ts";

/** The line about files that failed after one that was reported. */
export function moreFailures(count: number): string {
  return `cannot write the dump files of ${counted(count, "more connection")}`;
}

/** Why a file gets no permit. */
const NO_DESCRIPTOR = "file descriptor limit reached";

/** Allows one file to be open. */
export interface FilePermit {
  /** Resolves when the file may be opened. Rejects if there are too many. */
  readonly ready: Promise<void>;
  /** The file will soon be closed, so that others may wait for the permit. Idempotent. */
  ending(): void;
  /** The file is closed, or will not be opened. Idempotent. */
  release(): void;
}

/** A file that is open or waits. */
interface Holder {
  readonly ready: PromiseWithResolvers<void>;
  isOpen: boolean;
  isEnding: boolean;
}

/**
 * Limits how many files of single connections are open, and how many operations on them run, at a
 * time and in all dumps together.
 *
 * A file waits for its permit only while enough others are being closed; otherwise it might wait
 * for as long as a connection lasts.
 */
export class FilePermits {
  readonly #max: () => number;
  /** In the order of the requests. */
  readonly #holders = new Set<Holder>();
  #open = 0;
  #idle: PromiseWithResolvers<void> | undefined;
  /** Operations that may start now, and those that wait. */
  #freeSlots: number;
  readonly #queue: (() => void)[] = [];

  /**
   * @param max Returns the maximum number of open files, which may change.
   * @param maxOperations Maximum number of operations.
   */
  constructor(max: () => number, maxOperations: number) {
    this.#max = max;
    this.#freeSlots = maxOperations;
  }

  /** Opens or writes a file, when fewer than the maximum number of operations run. */
  async operate<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#freeSlots > 0) this.#freeSlots--;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    try {
      return await operation();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#freeSlots++;
      else next();
    }
  }

  /** Requests to open a file. */
  request(): FilePermit {
    const ready = Promise.withResolvers<void>();
    const holder: Holder = { ready, isOpen: false, isEnding: false };
    this.#holders.add(holder);
    this.#serve();
    return {
      ready: ready.promise,
      ending: () => void (holder.isEnding = true),
      release: () => this.#release(holder),
    };
  }

  /** Resolves when no file is open or waits. */
  async idle(): Promise<void> {
    if (this.#holders.size > 0) await (this.#idle ??= Promise.withResolvers()).promise;
  }

  #release(holder: Holder): void {
    if (!this.#holders.delete(holder)) return;
    if (holder.isOpen) this.#open--;
    else holder.ready.reject(new Error(NO_DESCRIPTOR));
    this.#serve();
    if (this.#holders.size > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** Grants requests, and refuses those that no file makes room for soon. */
  #serve(): void {
    if (this.#holders.size === this.#open) return;
    const max = this.#max();
    let endingSoon = 0;
    for (const holder of this.#holders) {
      if (!holder.isOpen && this.#open < max) {
        this.#open++;
        holder.isOpen = true;
        holder.ready.resolve();
      }
      if (holder.isOpen) endingSoon += holder.isEnding ? 1 : 0;
      else if (endingSoon === 0) {
        this.#holders.delete(holder);
        holder.ready.reject(new Error(NO_DESCRIPTOR));
      } else if (!holder.isEnding) endingSoon--;
    }
  }
}
