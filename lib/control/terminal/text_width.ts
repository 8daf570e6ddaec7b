/** The columns that text takes on a terminal. Pure. */

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const SEGMENTER = new Intl.Segmenter("en", { granularity: "grapheme" });
const ASCII = /^[\x20-\x7e]*$/;

/** Splits text into what a reader sees as characters. */
export function characters(text: string): string[] {
  if (ASCII.test(text)) return [...text];
  return Array.from(SEGMENTER.segment(text), ({ segment }) => segment);
}

/** Columns of one of these characters: 0, 1 or 2. */
export function widthOf(character: string): number {
  if (ASCII.test(character)) return 1;
  if (/^[\p{M}\p{Cf}]+$/u.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Columns of several characters. */
export function widthOfAll(all: readonly string[]): number {
  return all.reduce((sum, character) => sum + widthOf(character), 0);
}
