/** Reads values of unknown form. Each function throws an `Error` with the reason if it does not fit. */

/** An object. */
export function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new Error(`${what} is not an object`);
}

/** An array. */
export function list(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`${what} is not a list`);
}

/** A text that is not empty. */
export function string(value: unknown, what: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new Error(`${what} is not a text`);
}

/** An integer in a range. */
export function integer(value: unknown, what: string, min: number, max: number): number {
  if (Number.isInteger(value) && Number(value) >= min && Number(value) <= max) return Number(value);
  throw new Error(`${what} is not a number from ${min} to ${max}`);
}

/** One of several words. */
export function word<T extends string>(value: unknown, what: string, words: readonly T[]): T {
  const found = words.find((one) => one === value);
  if (found !== undefined) return found;
  throw new Error(`${what} is not one of ${words.join(", ")}`);
}

/** The field alone in a record; an empty record if it is absent. */
export function optional<K extends string, T>(
  key: K,
  value: unknown,
  read: (value: unknown) => T,
): Partial<Record<K, T>> {
  return value === undefined ? {} : { [key]: read(value) } as Record<K, T>;
}
