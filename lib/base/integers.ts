/**
 * Converts text to an integer as C's atoi does, which 3.35 does for `-t` and `-T`.
 *
 * Leading blanks, an optional sign and digits count, the rest is ignored; no digits are 0.
 *
 * @param text Any text.
 * @returns An integer, clamped to 32 bits with sign.
 */
export function lenientInteger(text: string): number {
  const digits = /^[ \t\n\v\f\r]*([+-]?\d+)/.exec(text)?.[1];
  if (digits === undefined) return 0;
  return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Number(digits)));
}

/**
 * Converts text to an integer, or says that it is none.
 *
 * Leading blanks and a sign are fine as in 3.35; anything else around the digits is not
 * (deviation 11 in balance(1): numbers are checked).
 *
 * @param text Any text.
 * @param range Smallest and largest value that count.
 * @returns The integer, `undefined` if the text is no integer or out of range.
 */
export function strictInteger(
  text: string,
  range: { min: number; max: number },
): number | undefined {
  if (!/^[ \t]*[+-]?\d{1,15}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= range.min && value <= range.max ? value : undefined;
}
