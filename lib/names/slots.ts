/** Bounds how many of something run at a time; the others wait in order. */
export interface Slots {
  /** Resolves when there is a free slot, which is taken then. */
  take(): Promise<void>;
  /** Gives back a slot. */
  release(): void;
  /** Runs a function with a slot. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** @param max How many at a time. */
export function newSlots(max: number): Slots {
  const waiting: (() => void)[] = [];
  let free = max;

  function release(): void {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  }

  async function take(): Promise<void> {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
  }

  return {
    take,
    release,
    async run(work) {
      await take();
      try {
        return await work();
      } finally {
        release();
      }
    },
  };
}
