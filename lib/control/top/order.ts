/** The sort orders of the two lists of `top`. */

/** The sort keys. */
export const TOP_KEYS = ["number", "conns", "rate", "sent", "rcvd", "age"] as const;

/** A sort key. */
export type TopKey = typeof TOP_KEYS[number];

/** The lists of `top`. */
export type TopList = "channels" | "connections";

/** The sort order of one list: ascending for `number`, descending for all other keys. */
export interface TopOrder {
  readonly key: TopKey;
  /** The opposite direction. */
  readonly reversed: boolean;
}

/** The sort order of each list. */
export type TopOrders = Readonly<Record<TopList, TopOrder>>;

/** The initial sort orders: channels by number, the busiest connections first. */
export const TOP_ORDERS: TopOrders = {
  channels: { key: "number", reversed: false },
  connections: { key: "rate", reversed: false },
};

/** The lists that a key sorts. */
const LISTS: Readonly<Record<TopKey, readonly TopList[]>> = {
  number: ["channels"],
  conns: ["channels"],
  rate: ["channels", "connections"],
  sent: ["channels", "connections"],
  rcvd: ["channels", "connections"],
  age: ["connections"],
};

/** Sorts by a key, or reverses the order if its lists are sorted by it already. */
export function sortedBy(orders: TopOrders, key: TopKey): TopOrders {
  const again = LISTS[key].every((list) => orders[list].key === key);
  const changed = { ...orders };
  for (const list of LISTS[key]) {
    changed[list] = { key, reversed: again && !orders[list].reversed };
  }
  return changed;
}

/** Reads a sort key, which may be abbreviated: the first match; `undefined` without a match. */
export function readTopKey(text: string): TopKey | undefined {
  return text === "" ? undefined : TOP_KEYS.find((key) => key.startsWith(text));
}
