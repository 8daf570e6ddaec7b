/**
 * Waits for a promise, but not longer than a time limit. What the promise does later is ignored.
 *
 * The timer is cleared early: `AbortSignal.timeout` would hold 1.4 KB until the limit is over.
 *
 * @param ms Time limit in milliseconds.
 * @returns The value of the promise; `undefined` after the time limit.
 * @throws Whatever the promise rejects with in time.
 */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether a promise resolves within a time limit in milliseconds; see {@link within}. */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  return await within(promise.then(() => true), ms) ?? false;
}

/**
 * Waits for a promise as long as there is progress.
 *
 * @param left Returns how much work is left.
 * @param options `patienceMs`: gives up if no work is done for this long; `limitMs`: gives up after
 *     this long, or up to `patienceMs` later; default never.
 * @returns Whether the promise has resolved.
 * @throws Whatever the promise rejects with in time.
 */
export async function settlesWithProgress(
  promise: Promise<unknown>,
  left: () => number,
  { patienceMs, limitMs = Infinity }: { patienceMs: number; limitMs?: number | undefined },
): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  for (let before = Infinity; left() < before && performance.now() < deadline;) {
    before = left();
    if (await settlesWithin(promise, patienceMs)) return true;
  }
  return false;
}
