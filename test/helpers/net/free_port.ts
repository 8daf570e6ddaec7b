import { portFinder } from "./port_finder.ts";

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
export const freePort: () => number = portFinder(10000, 31999);
