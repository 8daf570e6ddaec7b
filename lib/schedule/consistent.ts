import { joinHashes, unitOf } from "../table/name_hash.ts";
import { choices, newSearch, type Schedule } from "./schedule.ts";

/**
 * Consistent: weighted rendezvous hashing of the client's address and the channel's name. A channel
 * that is lost or added moves only its own clients. The result depends on nothing else, so it is the
 * same on every machine. If the channel is not available, the client's next best one is chosen.
 */
export const CONSISTENT: Schedule = {
  search: (table, group, client) => newSearch(table, group, client.key()),
  next(table, search) {
    const { group, client } = search;
    let best = -1, bestScore = 0;
    for (const index of choices(table, search)) {
      const unit = unitOf(joinHashes(table.nameHash(group, index), client!.key));
      const score = table.effectiveWeight(group, index) / -Math.log(unit);
      if (best < 0 || score > bestScore) [best, bestScore] = [index, score];
    }
    return search.last = best;
  },
};
