/** A burst ends after this many milliseconds without the line, or without another of its kind. */
const BURST_MS = 10_000;

/** Prints each line once per burst. */
export interface BurstNotices {
  /** Prints a line at the start of a burst. */
  notice(line: string): void;
  /** Extends the burst of a line to now, because its cause has lasted until now. */
  lasted(line: string): void;
}

/**
 * Limits lines that repeat, such as those about a shortage, to one per burst.
 *
 * @param now Monotonic time in milliseconds.
 */
export function oncePerBurst(
  notice: (line: string) => void,
  now: () => number = () => performance.now(),
): BurstNotices {
  const last = new Map<string, number>();
  return {
    notice(line) {
      const time = now(), before = last.get(line);
      last.set(line, time);
      if (before === undefined || time - before > BURST_MS) notice(line);
    },
    lasted: (line) => void last.set(line, now()),
  };
}

/** Prints the first lines of each burst, and how many followed. */
export interface CountedNotices {
  /** Prints a line at the start of a burst; later ones are counted. */
  notice(line: string): void;
  /** Prints the number of lines that were counted since the last one, and ends the burst. */
  end(): void;
}

/**
 * Limits lines of one kind that differ, such as those that name a client. The first one of a burst
 * is printed, or the first `most`. The number of the others follows at its end, and every 10 seconds
 * while it lasts. So at most `most` + 1 lines per 10 seconds are printed, however many clients cause
 * them.
 *
 * The timer does not keep the process alive; call {@link CountedNotices.end} before it exits.
 *
 * @param notice Prints a line.
 * @param countLine The line for `count` more, at least 1.
 * @param every Calls a function every `ms` milliseconds until its result is called.
 */
export function countedPerBurst(
  notice: (line: string) => void,
  countLine: (count: number) => string,
  { every = repeat, most = 1 }: { every?: typeof repeat; most?: number } = {},
): CountedNotices {
  let stop: (() => void) | undefined, count = 0, printed = 0;
  function end(): void {
    stop?.();
    stop = undefined;
    printCount();
  }
  function printCount(): void {
    if (count > 0) notice(countLine(count));
    count = 0;
  }
  return {
    notice(line) {
      if (stop !== undefined && printed >= most) return void count++;
      printed = stop === undefined ? 1 : printed + 1;
      notice(line);
      stop ??= every(BURST_MS, () => count > 0 ? printCount() : end());
    },
    end,
  };
}

/** Calls `act` periodically until the result is called. Does not keep the process alive. */
function repeat(ms: number, act: () => void): () => void {
  const timer = setInterval(act, ms);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}
