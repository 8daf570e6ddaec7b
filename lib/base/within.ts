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
