/** Milliseconds of silence after which the same trouble is news again. */
const BURST_MS = 10_000;

/** A voice that says the same line once per burst. */
export interface BurstVoice {
  /** Says a line, unless it was said in this burst. */
  say(line: string): void;
  /** What a line says has lasted until now: the burst goes on. */
  lasted(line: string): void;
}

/**
 * Makes a voice that says the same line once per burst: what comes back again and again, as a
 * shortage does while descriptors are freed and taken, is said when it begins.
 *
 * @param say Says a line.
 * @param now Tells milliseconds that only go forward.
 */
export function oncePerBurst(
  say: (line: string) => void,
  now: () => number = () => performance.now(),
): BurstVoice {
  const last = new Map<string, number>();
  return {
    say(line) {
      const time = now(), before = last.get(line);
      last.set(line, time);
      if (before === undefined || time - before > BURST_MS) say(line);
    },
    lasted: (line) => void last.set(line, now()),
  };
}
