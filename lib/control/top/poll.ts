/** Periodic sampling, see {@link poll}. */
interface Poll extends Disposable {
  /** Takes a sample immediately, or as soon as the current one is done. */
  now(): void;
}

/**
 * Takes samples periodically, one at a time, until it is disposed.
 *
 * @param sample Takes a sample. After disposal its result is dropped.
 * @param options `periodMs`: milliseconds from one start to the next; `rest`: the minimum pause as
 * a multiple of the duration of a sample.
 */
export function poll<T>(
  sample: () => Promise<T>,
  options: {
    periodMs: number;
    rest: number;
    onResult: (result: T) => void;
    onError: (error: unknown) => void;
  },
): Poll {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let busy = false, again = false, disposed = false;

  async function once(): Promise<void> {
    [busy, again] = [true, false];
    const started = performance.now();
    const result = await sample();
    const took = performance.now() - started;
    busy = false;
    if (disposed) return;
    options.onResult(result);
    if (disposed) return;
    timer = setTimeout(now, again ? 0 : Math.max(options.periodMs - took, took * options.rest));
  }

  function now(): void {
    clearTimeout(timer);
    if (busy) again = true;
    else once().catch((error) => disposed || options.onError(error));
  }

  now();
  return {
    now,
    [Symbol.dispose]() {
      disposed = true;
      clearTimeout(timer);
    },
  };
}
