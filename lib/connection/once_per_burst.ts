/** Milliseconds without a line after which it is printed again. */
const BURST_MS = 10_000;

/** Prints each line once per burst. */
export interface BurstNotices {
  /** Prints a line, unless it was printed in the current burst. */
  notice(line: string): void;
  /** What a line is about has lasted until now: its burst goes on. */
  lasted(line: string): void;
}

/**
 * Prints a line that repeats, such as a shortage that comes and goes, only when a burst starts.
 *
 * @param notice Prints a line.
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
