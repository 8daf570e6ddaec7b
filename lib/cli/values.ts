/** Values of options, checked. Each function returns `undefined` if the option was not given. */

import { UsageError } from "../base/errors.ts";
import { lenientInteger, strictInteger } from "../base/integers.ts";
import type { Arguments } from "./arguments.ts";

/**
 * The value of an option that is one of several words.
 *
 * @throws {UsageError} If it is another word.
 */
export function choiceValue<T extends string>(
  { values }: Arguments,
  name: string,
  words: readonly T[],
): T | undefined {
  const text = values.get(name);
  const found = words.find((word) => word === text);
  if (found === undefined && text !== undefined) {
    throw new UsageError(`invalid --${name} [${text}]: not one of ${words.join(", ")}`);
  }
  return found;
}

/**
 * The value of an option that is a number.
 *
 * @throws {UsageError} If it is not an integer in the range.
 */
export function integerValue(
  { values }: Arguments,
  name: string,
  range: { min: number; max: number },
): number | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  const value = strictInteger(text, range);
  if (value === undefined) {
    throw new UsageError(
      `invalid --${name} [${text}]: not a number from ${range.min} to ${range.max}`,
    );
  }
  return value;
}

/**
 * The value of `-t` or `-T`: seconds, parsed as leniently as in 3.35.
 *
 * @throws {UsageError} If it is below 1.
 */
export function secondsValue({ values }: Arguments, name: string): number | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  const value = lenientInteger(text);
  if (value < 1) throw new UsageError("", true);
  return value;
}
