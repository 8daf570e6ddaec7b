/** Milliseconds of silence after which the same trouble is news again. */
const BURST_MS = 10_000;

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
): (line: string) => void {
  const last = new Map<string, number>();
  return (line) => {
    const time = now(), before = last.get(line);
    last.set(line, time);
    if (before === undefined || time - before > BURST_MS) say(line);
  };
}
