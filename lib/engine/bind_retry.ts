import type { ListenFailure } from "./engine.ts";

/** Attempts to bind an address that is in use, and the mean pause between two attempts. */
const ATTEMPTS = 3, PAUSE_MS = 20;

/**
 * Binds an address, again after a pause if it is in use: if two programs bind the same address at
 * the same time, Linux may refuse both. Each pauses for a random time, and blocks the isolate, which
 * is fine because nothing is served yet.
 *
 * @param bind Makes one attempt.
 */
export function bindWithRetry<T>(bind: () => T | ListenFailure): T | ListenFailure {
  for (let attempt = 1;; attempt++) {
    const bound = bind();
    if (!isInUse(bound) || attempt === ATTEMPTS) return bound;
    const ms = PAUSE_MS * (0.5 + Math.random());
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  }
}

function isInUse(bound: unknown): boolean {
  return (bound as Partial<ListenFailure>).failure === "in use";
}
