/** A burst ends after this many milliseconds without the line. */
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
