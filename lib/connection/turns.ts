/**
 * Turns of the event loop. A connection whose data comes faster than it is dumped never waits for
 * it, so nothing else in this isolate would be served until its sender pauses.
 */

/** Work of this many milliseconds ends the turn. */
const TURN_MS = 5;

let workedMs = 0;
let nextTurn: Promise<void> | undefined;

/**
 * Accounts for synchronous work, and waits for the next turn if this one has lasted long enough.
 *
 * @param startMs When the work started, by `performance.now()`.
 * @param room What else to wait for.
 * @returns `undefined` if there is nothing to wait for.
 */
export function afterWork(
  startMs: number,
  room: Promise<void> | undefined,
): Promise<void> | undefined {
  workedMs += performance.now() - startMs;
  if (nextTurn === undefined && workedMs >= TURN_MS) {
    nextTurn = new Promise<void>((resolve) => setTimeout(resolve, 0)).then(() => {
      workedMs = 0;
      nextTurn = undefined;
    });
  }
  if (nextTurn === undefined || room === undefined) return nextTurn ?? room;
  return Promise.all([nextTurn, room]).then(() => {});
}
