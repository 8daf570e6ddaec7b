import { portFinder } from "./port_finder.ts";

/**
 * Finds a TCP port that nothing listens on and that nobody is going to listen on while the tests
 * run: above the range from which the system takes ports of outgoing connections, and outside of
 * the one of `freePort()`, which another test may be using at this moment.
 *
 * @returns A port of five digits, never one twice.
 * @throws {Error} If a hundred random ports are all taken.
 */
export const deadPort: () => number = portFinder(61000, 65000);
