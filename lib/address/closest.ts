/** Suggestions for mistyped words. Pure. */

/** Shortest beginning of a word that counts as its abbreviation. */
const SHORTEST_ABBREVIATION = 3;
/** Longer words are not compared: no known word is that long, and comparing takes quadratic time. */
const LONGEST_WORD = 40;

/**
 * The known word that a mistyped one probably stands for, in any case of letters.
 *
 * @param word What was typed.
 * @param known All words that are right.
 * @returns A word with one typing error (two in words of six letters or more), or else the only
 * word that starts like this; `undefined` if there is none.
 */
export function closest(word: string, known: Iterable<string>): string | undefined {
  if (word === "" || word.length > LONGEST_WORD) return undefined;
  const typed = word.toLowerCase(), all = [...known];
  let best: string | undefined, least = typed.length < 6 ? 1 : 2;
  // A word of two letters is one error away from many others.
  if (typed.length < 3) least = 0;
  for (const one of all) {
    const errors = distance(typed, one.toLowerCase());
    if (errors > least || (errors === least && best !== undefined)) continue;
    [best, least] = [one, errors];
  }
  if (best !== undefined || typed.length < SHORTEST_ABBREVIATION) return best;
  const longer = all.filter((one) => one.toLowerCase().startsWith(typed));
  return longer.length === 1 ? longer[0] : undefined;
}

/** Insertions, deletions, replacements and swaps of neighbors that turn one text into another. */
function distance(from: string, to: string): number {
  let before: number[] = [], last = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = last[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      row[j] = Math.min(replaced, last[j]! + 1, row[j - 1]! + 1);
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (isSwap) row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    [before, last] = [last, row];
  }
  return last[to.length]!;
}
