/** What a terminal shows of a line that is being edited: one row, scrolled to the cursor. Pure. */

import type { EditorState } from "./line_editor.ts";
import { characters, widthOf, widthOfAll } from "./text_width.ts";

/** Minimum columns for the line itself; on a narrower terminal there is no prompt. */
const MIN_COLUMNS = 10;

/** A row. */
export interface LineView {
  readonly text: string;
  /** Column of the cursor, from 0. */
  readonly cursor: number;
}

/**
 * The row of a line.
 *
 * @param prompt What is before it; a search has its own.
 * @param columns Width of the terminal. The last column stays free: some terminals wrap there.
 */
export function lineView(state: EditorState, prompt: string, columns: number): LineView {
  const wanted = characters(promptOf(state, prompt));
  const hasPrompt = widthOfAll(wanted) + MIN_COLUMNS < columns;
  const shown = hasPrompt ? wanted : [];
  const room = Math.max(columns - 1 - widthOfAll(shown), 1);
  const from = firstCell(state, room);
  const row = [...shown];
  let used = 0, cursor = widthOfAll(shown);
  for (const [index, cell] of state.cells.entries()) {
    if (index < from) continue;
    const width = widthOf(cell);
    if (used + width > room) break;
    if (index < state.cursor) cursor += width;
    row.push(index === from && from > 0 ? "<".repeat(width) : cell);
    used += width;
  }
  return { text: row.join(""), cursor };
}

function promptOf({ search }: EditorState, prompt: string): string {
  if (search === undefined) return prompt;
  return `(${search.failed ? "failed " : ""}reverse-i-search)\`${search.query}': `;
}

/** The first cell to show: 0 if the cursor fits, else one that keeps half a row before it. */
function firstCell({ cells, cursor }: EditorState, room: number): number {
  const before = cells.slice(0, cursor);
  const under = cursor < cells.length ? widthOf(cells[cursor]!) : 0;
  if (widthOfAll(before) + under <= room) return 0;
  const half = Math.max(Math.floor(room / 2), 1);
  // Steps of half a row, so that the row does not move with each key.
  const skip = Math.ceil((widthOfAll(before) + under - room) / half) * half;
  let from = 0, skipped = 0;
  while (from < cursor && skipped < skip) skipped += widthOf(cells[from++]!);
  return from;
}

/** Words in columns, as many as fit in a row, sorted down the columns. */
export function inColumns(words: readonly string[], columns: number): string {
  const width = Math.max(...words.map((word) => widthOfAll(characters(word)))) + 2;
  const perRow = Math.max(1, Math.floor(columns / width));
  const rows = Math.ceil(words.length / perRow);
  const lines = Array.from({ length: rows }, (_, row) => {
    const line = words.filter((_, index) => index % rows === row);
    return line.map((word) => word.padEnd(width)).join("").trimEnd();
  });
  return lines.map((line) => `${line}\n`).join("");
}
