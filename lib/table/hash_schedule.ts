import { nextAvailable } from "./round_robin.ts";
import type { Schedule } from "./schedule.ts";

/** Hash (`%`): the channel that the client's address hashes to; with `-H` also those after it. */
export const HASH: Schedule = {
  search(table, group, client) {
    const length = table.length(group), hash = client.hash(), start = hash % length;
    const tries = client.hashFailover ? length : 1;
    return { group, length, start, tries, done: 0, last: -1, hash };
  },
  next: nextAvailable,
};
