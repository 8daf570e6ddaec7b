/**
 * Turns of the event loop. A connection whose data comes faster than it is dumped never waits for
 * it, so nothing else in this isolate would be served until its sender pauses.
 */

import type { Engine } from "../engine/engine.ts";

/** Work of this many milliseconds ends the turn. */
const TURN_MS = 5;

let workedMs = 0;
let pause: Promise<void> | undefined;

/**
 * Accounts for synchronous work, and waits for the next turn if this one has lasted long enough.
 *
 * @param startMs When the work started, by `performance.now()`.
 * @param room What else to wait for.
 * @returns `undefined` if there is nothing to wait for.
 */
export function afterWork(
  engine: Engine,
  startMs: number,
  room: Promise<void> | undefined,
): Promise<void> | undefined {
  workedMs += performance.now() - startMs;
  if (pause === undefined && workedMs >= TURN_MS) {
    pause = engine.nextTurn().then(() => {
      workedMs = 0;
      pause = undefined;
    });
  }
  if (pause === undefined || room === undefined) return pause ?? room;
  return Promise.all([pause, room]).then(() => {});
}
