import { deadline } from "@std/async/deadline";

/**
 * Waits for a promise, but not forever. What the promise does later is ignored.
 *
 * @param promise What to wait for.
 * @param ms Time limit in milliseconds.
 * @returns Its value; `undefined` if the time was up first.
 * @throws Whatever the promise rejects with in time.
 */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let settled = false;
  const watched = promise.finally(() => settled = true);
  // A rejection after the time limit concerns nobody.
  watched.catch(() => {});
  try {
    return await deadline(watched, ms);
  } catch (error) {
    if (settled) throw error;
    return undefined;
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
