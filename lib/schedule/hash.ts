import { nextAvailable } from "./round_robin.ts";
import { newSearch, type Schedule } from "./schedule.ts";

/** Hash (`%`): the channel that the client's address hashes to; with `-H` also those after it. */
export const HASH: Schedule = {
  search(table, group, client) {
    const search = newSearch(table, group, client.key());
    const start = search.client!.hash % search.length;
    return { ...search, start, tries: client.hashFailover ? search.length : 1 };
  },
  next: nextAvailable,
};
