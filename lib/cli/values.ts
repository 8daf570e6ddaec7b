/** Values of options, checked. Each function returns `undefined` if the option was not given. */

import { UsageError, withName } from "../base/errors.ts";
import {
  durationFault,
  type DurationRange,
  lenientInteger,
  parseDuration,
  strictInteger,
} from "../base/integers.ts";
import { type Arguments, typed } from "./arguments.ts";

/** Larger numbers are clamped, with a warning. 3.35 kept their lowest 32 bits (deviation 47). */
const MAX_SECONDS = 2 ** 31 - 1;

/** One of several words. Throws a {@link UsageError} for any other. */
export function choiceValue<T extends string>(
  { values }: Arguments,
  name: string,
  words: readonly T[],
): T | undefined {
  const text = values.get(name);
  const found = words.find((word) => word === text);
  if (found === undefined && text !== undefined) {
    throw new UsageError(`invalid --${name} [${text}]: not one of ${words.join(", ")}`, name);
  }
  return found;
}

/**
 * An integer. Throws a {@link UsageError} if it is something else or out of range.
 *
 * @param range `word`: what else the option may be; the caller handles it.
 */
export function integerValue(
  { values }: Arguments,
  name: string,
  range: { min: number; max: number; word?: string },
): number | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  const value = strictInteger(text, range);
  if (value !== undefined) return value;
  const { min, max, word } = range, wanted = `a number from ${min} to ${max}`;
  const fault = word === undefined ? `not ${wanted}` : `neither ${word} nor ${wanted}`;
  throw new UsageError(`invalid --${name} [${text}]: ${fault}`, name);
}

/** A duration in milliseconds. Throws a {@link UsageError} if it is something else or out of range. */
export function durationValue(
  { values }: Arguments,
  name: string,
  range: DurationRange,
): number | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  const ms = parseDuration(text, range);
  if (ms !== undefined) return ms;
  throw new UsageError(`invalid --${name} [${text}]: ${durationFault(range)}`, name);
}

/**
 * Seconds of `-t` or `-T`, parsed as in 3.35; see `warningsOf()`. Throws a {@link UsageError} if
 * below 1.
 */
export function secondsValue(args: Arguments, name: string): number | undefined {
  const text = args.values.get(name), option = typed(args, name);
  if (text === undefined) return undefined;
  const value = lenientInteger(text);
  if (value >= 1) return value;
  const hint = name === "T" && /^[ \t]*0+$/.test(text)
    ? ` (without ${option}, there is no idle timeout)`
    : "";
  const range = `not a number from 1 to ${MAX_SECONDS}`;
  throw new UsageError(`invalid ${option} [${text}]: ${range}${hint}`, name);
}

/** A path. Throws a {@link UsageError} if it is empty. */
export function fileValue({ values }: Arguments, name: string): string | undefined {
  const path = values.get(name);
  if (path !== "") return path;
  throw new UsageError(withName(`invalid --${name} []: want a file`), name);
}
