/** Opening a named pipe for writing, without waiting in the system for its reader. */

import { delay } from "@std/async/delay";
import { closeSync, constants, openSync } from "node:fs";
import { codeOf } from "../base/errors.ts";

/** Milliseconds between two attempts to open a pipe that nobody reads yet. */
const RETRY_MS = 50;

/** The state of an output that may be a named pipe without a reader. */
export class ReaderWait {
  readonly #known = Promise.withResolvers<void>();
  readonly #givenUp = new AbortController();
  #isWaiting = false;

  /** Whether nobody reads the pipe yet. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** Resolves when the pipe is open, or nobody reads it yet; never if it cannot be opened. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  /** Ends the wait. */
  giveUp(): void {
    this.#givenUp.abort();
  }

  /** @throws {DOMException} If the wait was given up. */
  throwIfGivenUp(): void {
    this.#givenUp.signal.throwIfAborted();
  }

  /**
   * Waits before another attempt.
   *
   * @throws {DOMException} If the wait was given up.
   */
  async pause(): Promise<void> {
    this.#isWaiting = true;
    this.#known.resolve();
    await delay(RETRY_MS, { signal: this.#givenUp.signal });
  }

  /** Ends the wait; `isOpen`: whether the pipe is open. */
  ended(isOpen: boolean): void {
    this.#isWaiting = false;
    if (isOpen) this.#known.resolve();
  }
}

/**
 * Opens a named pipe for writing as soon as it has a reader.
 *
 * `open(2)` waits for the reader, and Deno 2.6 calls it in the thread that serves connections.
 * Therefore the pipe is opened with `O_NONBLOCK`, which fails while there is no reader. The writes
 * need a descriptor without that flag, since they wait for the reader in a thread of the runtime.
 *
 * @returns `undefined` if the path does not lead to a named pipe any more.
 * @throws {Error} If it cannot be opened, or the wait was given up.
 */
export async function openNamedPipe(
  path: string,
  wait: ReaderWait,
): Promise<Deno.FsFile | undefined> {
  let file: Deno.FsFile | undefined;
  try {
    while (await isPipe(path)) {
      file = await openIfRead(path);
      if (file !== undefined) break;
      await wait.pause();
    }
    return file;
  } finally {
    wait.ended(file !== undefined);
  }
}

/** Whether a path leads to a named pipe. */
export async function isPipe(path: string): Promise<boolean> {
  const found = await Deno.stat(path).catch(() => undefined);
  return found?.isFifo ?? false;
}

/** Opens a named pipe; `undefined` if nobody reads it. */
async function openIfRead(path: string): Promise<Deno.FsFile | undefined> {
  const { O_NONBLOCK, O_RDWR, O_WRONLY } = constants;
  const held: number[] = [];
  try {
    held.push(openSync(path, O_WRONLY | O_NONBLOCK));
    // While it is held, the pipe has a reader, so that the next line cannot wait.
    held.push(openSync(path, O_RDWR | O_NONBLOCK));
    return await Deno.open(path, { write: true });
  } catch (error) {
    if (codeOf(error) === "ENXIO") return undefined;
    throw error;
  } finally {
    for (const descriptor of held) closeSync(descriptor);
  }
}
