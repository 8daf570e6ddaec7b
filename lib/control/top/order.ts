/** By what the two lists of `top` are sorted. */

/** What a list can be sorted by. */
export const TOP_KEYS = ["number", "conns", "rate", "sent", "rcvd", "age"] as const;

/** One of {@link TOP_KEYS}. */
export type TopKey = typeof TOP_KEYS[number];

/** The lists of `top`. */
export type TopList = "channels" | "connections";

/** How one list is sorted: numbers upwards, all else from the most to the least. */
export interface TopOrder {
  readonly key: TopKey;
  /** The other way around. */
  readonly reversed: boolean;
}

/** How each list is sorted. */
export type TopOrders = Readonly<Record<TopList, TopOrder>>;

/** The orders at first: channels stay where they are, the busiest connections are above. */
export const TOP_ORDERS: TopOrders = {
  channels: { key: "number", reversed: false },
  connections: { key: "rate", reversed: false },
};

/** The lists that have what a key asks for; the other one stays as it is. */
const LISTS: Readonly<Record<TopKey, readonly TopList[]>> = {
  number: ["channels"],
  conns: ["channels"],
  rate: ["channels", "connections"],
  sent: ["channels", "connections"],
  rcvd: ["channels", "connections"],
  age: ["connections"],
};

/**
 * Sorts by a key; if that is so already, the other way around.
 *
 * @param orders How it is sorted now.
 * @param key By what it shall be sorted.
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
 * Reads the name of a key, which may be abbreviated.
 *
 * @returns `undefined` if there is no such key.
 */
export function readTopKey(text: string): TopKey | undefined {
  return text === "" ? undefined : TOP_KEYS.find((key) => key.startsWith(text));
}
