import { nextAround, type Schedule } from "./schedule.ts";

/**
 * Hash (`%`): the channel that the client's address hashes to, and only that one; with `-H` the
 * first available one from there on.
 */
export const hashSchedule: Schedule = {
  type: "hash",
  search(table, group, client) {
    const length = table.length(group), hash = client.hash();
    return {
      group,
      length,
      start: hash % length,
      tries: client.hashFailover ? length : 1,
      done: 0,
      last: -1,
      hash,
    };
  },
  next: nextAround,
};
