/** Looks again and again; see {@link poll}. */
export interface Poll extends Disposable {
  /** Looks at once, or as soon as the present look is over. */
  now(): void;
}

/**
 * Does something regularly, one after another, until it is disposed.
 *
 * @param look What to do; its result is not asked for any more once it is disposed.
 * @param options Milliseconds from one beginning to the next, `rest` times as long as it took as
 * a pause at least, and who gets results and errors.
 */
export function poll<T>(
  look: () => Promise<T>,
  options: {
    periodMs: number;
    rest: number;
    onResult: (result: T) => void;
    onError: (error: unknown) => void;
  },
): Poll {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let busy = false, again = false, over = false;

  async function once(): Promise<void> {
    [busy, again] = [true, false];
    const began = performance.now();
    const result = await look();
    const took = performance.now() - began;
    busy = false;
    if (over) return;
    options.onResult(result);
    if (over) return;
    timer = setTimeout(now, again ? 0 : Math.max(options.periodMs - took, took * options.rest));
  }

  function now(): void {
    clearTimeout(timer);
    if (busy) again = true;
    else once().catch((error) => over || options.onError(error));
  }

  now();
  return {
    now,
    [Symbol.dispose]() {
      over = true;
      clearTimeout(timer);
    },
  };
}
