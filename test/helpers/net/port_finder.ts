import { listensOn } from "./tcp_sockets.ts";

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
      // Looked up, not tried: who listens for a moment answers somebody who wants nobody there.
      if (given.has(port) || listensOn(port)) continue;
      given.add(port);
      return port;
    }
    throw new Error(`Cannot find a free port in ${first}..${last}: 100 attempts failed`);
  };
}
