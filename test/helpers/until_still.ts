import { until } from "./t.ts";

/**
 * Waits until a counter stands still, for example the bytes that a stalled reader lets through.
 *
 * The counter must be unchanged at many consecutive looks, each in its own turn of the event loop.
 * A single long pause would not do: on a busy machine the process may not run at all during it.
 *
 * @param looks How many consecutive looks.
 * @returns The value.
 */
export async function untilStill(
  counter: () => number,
  options: { looks?: number; everyMs?: number; timeoutMs?: number; what: string },
): Promise<number> {
  const { looks = 20, everyMs = 10, timeoutMs = 20_000, what } = options;
  let last = NaN, same = 0;
  await until(() => {
    const now = counter();
    same = now === last ? same + 1 : 0;
    last = now;
    return same >= looks;
  }, { everyMs, timeoutMs, what });
  return last;
}
