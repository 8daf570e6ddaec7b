/** Suggestions for mistyped words. Pure. */

import { levenshteinDistance } from "@std/text/levenshtein-distance";

/** Shortest beginning of a word that counts as its abbreviation. */
const SHORTEST_ABBREVIATION = 3;
/** Longer words are not compared: no known word is as long, and the time is quadratic. */
const LONGEST_WORD = 40;

/**
 * The known word that a mistyped one probably stands for. Case does not matter.
 *
 * @param word What was typed.
 * @param known All valid words.
 * @returns A word with one typing error (two in words of six letters or more), or else the only
 * word that starts with it; `undefined` if there is none. See {@link typingErrors}.
 */
export function closest(word: string, known: Iterable<string>): string | undefined {
  if (word === "" || word.length > LONGEST_WORD) return undefined;
  const typed = word.toLowerCase(), all = [...known];
  let best: string | undefined, least = typed.length < 6 ? 1 : 2;
  // A word of two letters is one error away from many others.
  if (typed.length < 3) least = 0;
  for (const one of all) {
    const errors = typingErrors(typed, one.toLowerCase());
    if (errors > least || (errors === least && best !== undefined)) continue;
    [best, least] = [one, errors];
  }
  if (best !== undefined || typed.length < SHORTEST_ABBREVIATION) return best;
  const longer = all.filter((one) => one.toLowerCase().startsWith(typed));
  return longer.length === 1 ? longer[0] : undefined;
}

/**
 * How many typing errors turn one short word into another: a letter that is wrong, missing or too
 * many counts as one, and so does the first swap of two adjacent letters.
 */
export function typingErrors(typed: string, meant: string): number {
  let least = levenshteinDistance(typed, meant);
  for (let at = 1; at < typed.length && least > 1; at++) {
    const swapped = typed.slice(0, at - 1) + typed[at] + typed[at - 1] + typed.slice(at + 1);
    least = Math.min(least, 1 + levenshteinDistance(swapped, meant));
  }
  return least;
}
