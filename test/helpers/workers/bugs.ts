/** What the workers of {@link ./buggy_main.ts} do with messages of certain lengths from clients. */

/** A message of this many bytes makes a callback of its connection throw. */
export const BUG_BYTES = 4242;
/** A message of this many bytes is followed by an uncaught error in the worker that serves it. */
export const CRASH_BYTES = 4343;
