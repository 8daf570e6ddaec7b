import { delay } from "@std/async/delay";

/** Time limit in milliseconds. */
const LIMIT = 10_000;

/**
 * Waits until a port accepts a connection, at most ten seconds.
 *
 * @param port On 127.0.0.1.
 * @param gone Whether the program that should listen has ended; then the wait ends too.
 * @returns Whether it accepted one.
 */
export async function accepts(port: number, gone: () => boolean): Promise<boolean> {
  for (const end = performance.now() + LIMIT; performance.now() < end && !gone();) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    } catch {
      await delay(1);
    }
  }
  return false;
}
