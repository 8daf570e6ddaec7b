import { nextAvailable, type Schedule } from "./schedule.ts";

/** Round robin (`!`): the first available channel from the cursor on. */
export const ROUND_ROBIN: Schedule = {
  search(table, group) {
    const length = table.length(group);
    return { group, length, start: -1, tries: length, done: 0, last: -1 };
  },
  next(table, search) {
    if (search.start < 0) search.start = table.cursor(search.group) % search.length;
    return nextAvailable(table, search);
  },
};
