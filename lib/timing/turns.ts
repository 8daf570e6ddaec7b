/**
 * Turns of the event loop. A connection whose data comes faster than it is dumped never waits for
 * it, so nothing else in this isolate would be served until its sender pauses.
 */

import type { Engine } from "../engine/engine.ts";

/** Work of this many milliseconds ends the turn. */
const TURN_MS = 5;

/** The current turn. */
interface Turn {
  workedMs: number;
  /** Resolves with the next turn; `undefined` while work may go on. */
  pause: Promise<void> | undefined;
}

/** By engine: one that is abandoned never comes to its next turn. */
const turns = new WeakMap<Engine, Turn>();

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
  const turn = turnOf(engine);
  turn.workedMs += performance.now() - startMs;
  if (turn.pause === undefined && turn.workedMs >= TURN_MS) {
    turn.pause = engine.nextTurn().then(() => {
      turn.workedMs = 0;
      turn.pause = undefined;
    });
  }
  const { pause } = turn;
  if (pause === undefined || room === undefined) return pause ?? room;
  return Promise.all([pause, room]).then(() => {});
}

function turnOf(engine: Engine): Turn {
  const known = turns.get(engine);
  if (known !== undefined) return known;
  const turn: Turn = { workedMs: 0, pause: undefined };
  turns.set(engine, turn);
  return turn;
}
