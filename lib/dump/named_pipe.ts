/**
 * Writing to a named pipe without waiting in the system for its reader. A write that waits there
 * cannot be canceled and holds a thread of the runtime, and `open(2)` holds even the thread that
 * serves connections (Deno 2.6).
 */

import { delay } from "@std/async/delay";
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { codeOf } from "../base/errors.ts";
import { enlargePipe } from "../native/pipe_size.ts";

/** Milliseconds between two attempts to open a pipe that nobody reads yet. */
const RETRY_MS = 50;
/** Milliseconds between two attempts to write to a full pipe; the pause is doubled each time. */
const MIN_PAUSE_MS = 1, MAX_PAUSE_MS = 50;
/** A write of at most this many bytes (`PIPE_BUF` of Linux and macOS) is done whole or not at all. */
const PIPE_BUF = Deno.build.os === "darwin" ? 512 : 4096;
/** Size of a pipe, if the system permits: what a fast reader takes during the shortest pause. */
const PIPE_BYTES = 1 << 20;

/** A named pipe that is open for writing. */
export interface NamedPipe {
  readonly dev: number;
  readonly ino: number;
  /**
   * Writes some or all of the bytes and returns how many, as soon as there is room in the pipe.
   *
   * @throws {Error} EPIPE if the reader has exited; an `AbortError` if the wait was given up.
   */
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** The waits for the reader of an output, if it is a named pipe. */
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

  /** Ends all waits. */
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

  /**
   * Waits until there may be room in the pipe.
   *
   * @throws {DOMException} If the wait was given up.
   */
  async stall(ms: number): Promise<void> {
    await delay(ms, { signal: this.#givenUp.signal });
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
 * @param wait Ends the waits for the reader: before the pipe is open, and those of its writes.
 * @returns `undefined` if the path does not lead to a named pipe any more.
 * @throws {Error} If it cannot be opened, or the wait was given up.
 */
export async function openNamedPipe(
  path: string,
  wait: ReaderWait,
): Promise<NamedPipe | undefined> {
  let pipe: NamedPipe | undefined;
  try {
    while (await isPipe(path)) {
      const descriptor = openIfRead(path);
      if (descriptor !== undefined) {
        pipe = namedPipe(descriptor, wait);
        if (pipe !== undefined) enlargePipe(path, PIPE_BYTES);
        break;
      }
      await wait.pause();
    }
    return pipe;
  } finally {
    wait.ended(pipe !== undefined);
  }
}

/** Whether a path leads to a named pipe. */
export async function isPipe(path: string): Promise<boolean> {
  const found = await Deno.stat(path).catch(() => undefined);
  return found?.isFifo ?? false;
}

/** Opens a named pipe; `undefined` if nobody reads it. */
function openIfRead(path: string): number | undefined {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === "ENXIO") return undefined;
    throw error;
  }
}

/** Returns `undefined`, and closes the descriptor, if the pipe was replaced by something else. */
function namedPipe(descriptor: number, wait: ReaderWait): NamedPipe | undefined {
  const info = fstatSync(descriptor);
  if (!info.isFIFO()) return void closeSync(descriptor);
  return {
    dev: info.dev,
    ino: info.ino,
    async write(bytes) {
      for (let pause = MIN_PAUSE_MS;; pause = Math.min(2 * pause, MAX_PAUSE_MS)) {
        const written = writeNow(descriptor, bytes);
        if (written > 0) return written;
        await wait.stall(pause);
      }
    },
    close: () => closeSync(descriptor),
  };
}

/** Writes as many bytes as there is room for, and returns their number. */
function writeNow(descriptor: number, bytes: Uint8Array): number {
  let at = 0;
  try {
    while (at < bytes.length) {
      at += writeSync(descriptor, bytes, at, Math.min(PIPE_BUF, bytes.length - at));
    }
  } catch (error) {
    if (codeOf(error) !== "EAGAIN") throw error;
  }
  return at;
}
