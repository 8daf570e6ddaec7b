const FIRST = 10000;
const LAST = 31999;
const given = new Set<number>();

/**
 * Finds a TCP port that nothing listens on.
 *
 * It has five digits, so that columns of tables stay as recorded, and lies below the range from
 * which the system takes the ports of outgoing connections, so that nothing else picks it by
 * accident. It is not reserved: a program that takes long to bind it may have to be started again
 * with another one, as `startBalance()` does. Where the program can be told port 0, do that.
 *
 * @returns A port in 10000..31999 that was never returned before by this module instance.
 * @throws {Error} If a hundred random ports are all taken.
 */
export function freePort(): number {
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
  throw new Error(`Cannot find a free port in ${FIRST}..${LAST}: 100 attempts failed`);
}
