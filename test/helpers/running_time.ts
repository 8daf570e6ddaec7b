/**
 * Time in which the test process runs, for time limits on a busy machine.
 *
 * Under high load, one turn of the event loop may take seconds. What a test waits for then happens
 * in time, but the timer of the limit is served first. So each turn counts for at most
 * {@linkcode MAX_STEP_MS}, and a limit leaves many turns to see the event. On an idle machine, the
 * time is equal to that of `performance.now()`.
 *
 * @module
 */

/** A measurement that has started. Dispose of it to stop it. */
export interface RunningTime extends Disposable {
  /** Milliseconds so far. */
  readonly ms: number;
}

const TICK_MS = 100;
/** The most that one turn of the event loop counts, in milliseconds. */
const MAX_STEP_MS = 2 * TICK_MS;

/** What to call at each tick; one timer for all, as a test may wait for thousands of connections. */
const watching = new Set<{ tick: () => void }>();
let timer: ReturnType<typeof setInterval> | undefined;
let runningMs = 0, countedAt = 0;

/**
 * Starts to measure.
 *
 * @param onTick Called about every 100 ms with the milliseconds so far.
 */
export function runningTime(onTick?: (ms: number) => void): RunningTime {
  if (watching.size === 0) {
    countedAt = performance.now();
    timer = setInterval(tickAll, TICK_MS);
  }
  const start = now();
  const watcher = { tick: () => onTick?.(runningMs - start) };
  watching.add(watcher);
  return {
    get ms() {
      return now() - start;
    },
    [Symbol.dispose]() {
      watching.delete(watcher);
      if (watching.size === 0) clearInterval(timer);
    },
  };
}

/** Only a tick adds to the sum: several reads in one long turn must not count it several times. */
function tickAll(): void {
  runningMs = now();
  countedAt = performance.now();
  for (const { tick } of [...watching]) tick();
}

function now(): number {
  return runningMs + Math.min(performance.now() - countedAt, MAX_STEP_MS);
}
