/** The sort orders of the two lists of `top`. */

/** Sort keys. */
export const TOP_KEYS = ["number", "conns", "rate", "sent", "rcvd", "age"] as const;

/** One of {@link TOP_KEYS}. */
export type TopKey = typeof TOP_KEYS[number];

/** The lists of `top`. */
export type TopList = "channels" | "connections";

/** The order of one list: ascending for `number`, descending for all other keys. */
export interface TopOrder {
  readonly key: TopKey;
  /** The opposite direction. */
  readonly reversed: boolean;
}

/** The order of each list. */
export type TopOrders = Readonly<Record<TopList, TopOrder>>;

/** The initial orders: channels by number, the busiest connections first. */
export const TOP_ORDERS: TopOrders = {
  channels: { key: "number", reversed: false },
  connections: { key: "rate", reversed: false },
};

/** The lists that a key sorts; the other one keeps its order. */
const LISTS: Readonly<Record<TopKey, readonly TopList[]>> = {
  number: ["channels"],
  conns: ["channels"],
  rate: ["channels", "connections"],
  sent: ["channels", "connections"],
  rcvd: ["channels", "connections"],
  age: ["connections"],
};

/**
 * Sorts by a key; if the lists are sorted by it already, reverses them.
 *
 * @param orders The current orders.
 * @param key The new sort key.
 */
export function sortedBy(orders: TopOrders, key: TopKey): TopOrders {
  const lists = LISTS[key];
  const again = lists.every((list) => orders[list].key === key);
  const changed = lists.map((list) =>
    [list, { key, reversed: again && !orders[list].reversed }] as const
  );
  return { ...orders, ...Object.fromEntries(changed) };
}

/**
 * Reads the name of a sort key, which may be abbreviated.
 *
 * @returns The first key that matches; `undefined` if there is none.
 */
export function readTopKey(text: string): TopKey | undefined {
  return text === "" ? undefined : TOP_KEYS.find((key) => key.startsWith(text));
}
