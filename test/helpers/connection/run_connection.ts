import type { Connection } from "../../../lib/connection/connection.ts";

/**
 * Serves a connection until its sockets are closed.
 *
 * @returns A promise, which rejects with what a callback threw.
 */
export function runConnection(connection: Connection): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  connection.start({
    closing() {},
    ended: (_, bug) => bug === undefined ? resolve() : reject(bug),
  });
  return promise;
}
