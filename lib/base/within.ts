/**
 * Waits for a promise, but not forever. What the promise does later is ignored.
 *
 * The timer goes with the wait: `AbortSignal.timeout` would keep 1.4 KB until the limit is over.
 *
 * @param promise What to wait for.
 * @param ms Time limit in milliseconds.
 * @returns Its value; `undefined` if the time was up first.
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

/**
 * Waits until a promise has settled, but not forever.
 *
 * @param promise What to wait for.
 * @param ms Time limit in milliseconds.
 * @returns Whether it settled in time.
 * @throws Whatever the promise rejects with in time.
 */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  return await within(promise.then(() => true), ms) ?? false;
}
