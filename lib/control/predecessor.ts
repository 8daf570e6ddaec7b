import { delay } from "@std/async/delay";
import { findSockets } from "./control_socket.ts";
import { greetingAt } from "./framed_session.ts";

/** Milliseconds between two attempts. */
const RETRY_MS = 20;
/** Milliseconds between two queries to a predecessor, and the time limit for its answer. */
const ASK_MS = 100, ANSWER_MS = 1000;
/** Milliseconds that a predecessor has to start its shutdown, or to exit after it. */
const TIMEOUT_MS = 1000;

/**
 * Repeats an attempt that fails while a predecessor still holds a resource, such as a port.
 *
 * A balance on the same port that is shutting down is waited for as long as that takes. One that
 * is not gets a second: the signal may be on its way, or the process may have been killed.
 * If there is no control socket of that port, it is not a balance, and nothing is waited for.
 *
 * @param port The port whose control sockets are queried.
 * @param attempt Returns `undefined` if it fails for that reason.
 * @returns The result of the attempt; `undefined` if it fails permanently.
 */
export async function afterPredecessor<T>(
  port: number,
  attempt: () => T | undefined,
): Promise<T | undefined> {
  const first = attempt();
  if (first !== undefined || sockets(port).length === 0) return first;
  let deadline = performance.now() + TIMEOUT_MS;
  let nextQuery = 0;
  let query: Promise<void> | undefined;
  const ask = async () => {
    if (await isStopping(port)) deadline = performance.now() + TIMEOUT_MS;
    nextQuery = performance.now() + ASK_MS;
    query = undefined;
  };
  try {
    while (performance.now() < deadline) {
      if (query === undefined && performance.now() >= nextQuery) query = ask();
      await delay(RETRY_MS);
      const result = attempt();
      if (result !== undefined) return result;
    }
    return undefined;
  } finally {
    await query;
  }
}

/** Control sockets of a port. One that has been succeeded no longer owns the port. */
function sockets(port: number): string[] {
  return findSockets({ port }).filter(({ old }) => !old).map(({ path }) => path);
}

async function isStopping(port: number): Promise<boolean> {
  const greetings = await Promise.all(sockets(port).map((path) => greetingAt(path, ANSWER_MS)));
  return greetings.some((one) => typeof one === "object" && one.stopping === true);
}
