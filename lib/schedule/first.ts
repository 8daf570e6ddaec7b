import { choices, newSearch, type Schedule } from "./schedule.ts";

/** First: the first available channel. The next one is used when `maxc` of those before is reached. */
export const FIRST: Schedule = {
  search: (table, group) => newSearch(table, group),
  next(table, search) {
    const [first = -1] = choices(table, search);
    return search.last = first;
  },
};
