/** Numbers as text: integers, durations and counts. Pure. */

/**
 * Converts text to an integer like C's atoi, as 3.35 does for `-t` and `-T`: leading blanks, an
 * optional sign and digits count, the rest is ignored.
 *
 * @returns A signed 32-bit integer; larger numbers are clamped (deviation 47 in balance(1): 3.35
 * kept their lowest 32 bits), and no digits are 0.
 */
export function lenientInteger(text: string): number {
  const digits = /^[ \t\n\v\f\r]*([+-]?\d+)/.exec(text)?.[1];
  if (digits === undefined) return 0;
  return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Number(digits)));
}

/**
 * Converts text to an integer. Leading blanks and a sign are accepted as in 3.35; anything else
 * around the digits is not (deviation 11 in balance(1): numbers are checked).
 *
 * @returns `undefined` if the text is not an integer, or out of range.
 */
export function strictInteger(
  text: string,
  range: { min: number; max: number },
): number | undefined {
  if (!/^[ \t]*[+-]?\d{1,15}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= range.min && value <= range.max ? value : undefined;
}

/** Units of durations in milliseconds. */
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A range of durations in milliseconds, both ends included. */
export interface DurationRange {
  readonly min: number;
  readonly max: number;
}

/**
 * Converts a duration to milliseconds: seconds such as `2` or `0.5`, or a number with a unit, as in
 * `500ms`, `2s`, `1m` and `1h`. Neither blanks nor signs are accepted.
 *
 * @returns Whole milliseconds; `undefined` if the text is not a duration, or out of range.
 */
export function parseDuration(text: string, range: DurationRange): number | undefined {
  const parts = /^(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)?$/.exec(text);
  if (parts === null) return undefined;
  const ms = Number(parts[1]) * UNITS[parts[2] ?? "s"]!;
  return ms >= range.min && ms <= range.max ? Math.round(ms) : undefined;
}

/**
 * Why a text is not a duration in a range, for an error that names the text: `not a number of
 * seconds from 0.05 to 86400, or with a unit: ms, s, m, h`.
 */
export function durationFault({ min, max }: DurationRange): string {
  const units = Object.keys(UNITS).join(", ");
  return `not a number of seconds from ${min / 1000} to ${max / 1000}, or with a unit: ${units}`;
}

/** A number with a noun: `1 connection`, `3 connections`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * How many were dropped: `1 message was dropped`, `3 messages were dropped`.
 *
 * @param of What follows the noun, for example `of the log`.
 */
export function droppedText(count: number, noun: string, of?: string): string {
  const what = of === undefined ? counted(count, noun) : `${counted(count, noun)} ${of}`;
  return `${what} ${count === 1 ? "was" : "were"} dropped`;
}
