/**
 * Makes a function that finds TCP ports that nothing listens on.
 *
 * @param first The lowest port it may find.
 * @param last The highest.
 * @returns A function that gives a random one, never one twice, and throws an `Error` if a hundred
 * random ports are all taken.
 */
export function portFinder(first: number, last: number): () => number {
  const given = new Set<number>();
  return () => {
    for (let attempt = 0; attempt < 100; attempt++) {
      const port = first + Math.floor(Math.random() * (last - first + 1));
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
    throw new Error(`Cannot find a free port in ${first}..${last}: 100 attempts failed`);
  };
}
