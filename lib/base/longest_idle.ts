/** A client of a server, as far as it may have to be replaced by another one. */
interface Idler {
  /** Since when it has been idle, by `performance.now()`; `Infinity` while it is being served. */
  readonly idleSince: number;
  /** Whether it has not sent anything to be served yet. */
  readonly silent: boolean;
}

/**
 * The client to replace first: the one that has been idle longest, of the silent ones if there are
 * any. `undefined` if none is idle.
 */
export function longestIdle<T extends Idler>(clients: Iterable<T>): T | undefined {
  let found: T | undefined;
  for (const client of clients) {
    if (client.idleSince === Infinity) continue;
    if (
      found === undefined || (client.silent && !found.silent) ||
      (client.silent === found.silent && client.idleSince < found.idleSince)
    ) found = client;
  }
  return found;
}
