const FIRST = 61000;
const LAST = 65000;
const given = new Set<number>();

/**
 * Finds a TCP port that nothing listens on and that nobody is going to listen on while the tests
 * run: above the range from which the system takes ports of outgoing connections, and outside of
 * the one of `freePort()`, which another test may be using at this moment.
 *
 * @returns A port of five digits, never one twice.
 * @throws {Error} If a hundred random ports are all taken.
 */
export function deadPort(): number {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    if (given.has(port)) continue;
    try {
      Deno.listen({ hostname: "0.0.0.0", port }).close();
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) continue;
      throw error;
    }
    given.add(port);
    return port;
  }
  throw new Error(`Cannot find a dead port in ${FIRST}..${LAST}: 100 attempts failed`);
}
