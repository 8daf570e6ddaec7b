/** Text tables of limited width: the least important columns are dropped first. */

/** One column. */
export interface TableColumn<T> {
  readonly title: string;
  readonly cell: (row: T) => string;
  /** Left-aligned, for text; numbers are right-aligned. */
  readonly left?: boolean;
  /** Minimum width in characters, so that a longer value does not move the other columns. */
  readonly width?: number;
  /** May be shortened, and gets the space that is left. At most one column. */
  readonly flexible?: boolean;
  /** Importance; the column with the highest rank is dropped first. */
  readonly rank: number;
}

/** Minimum width of a flexible column: it shrinks to this before another column is dropped. */
const MIN_FLEXIBLE = 21, MIN_FLEXIBLE_NARROW = 16, NARROW = 60;

/**
 * A table as lines: the heading, then a line per row.
 *
 * @param columns From left to right, one space between them.
 * @param rows All rows; they determine the widths, so that columns do not move on scrolling.
 * @param options `width` in characters, `from` and `count`: which rows to return.
 * @returns Lines of at most `width` characters, if the column of the lowest rank fits.
 */
export function tableLines<T>(
  columns: readonly TableColumn<T>[],
  rows: readonly T[],
  options: { width: number; from: number; count: number },
): string[] {
  const { width, from, count } = options;
  const widest = new Map(columns.map((column) => [
    column,
    rows.reduce(
      (n, row) => Math.max(n, column.cell(row).length),
      Math.max(column.title.length, column.width ?? 0),
    ),
  ]));
  const short = width < NARROW ? MIN_FLEXIBLE_NARROW : MIN_FLEXIBLE;
  const least = (column: TableColumn<T>) =>
    column.flexible ? Math.min(widest.get(column)!, short) : widest.get(column)!;
  const kept = new Set<TableColumn<T>>();
  let left = width + 1;
  for (const column of columns.toSorted((a, b) => a.rank - b.rank)) {
    if (least(column) + 1 > left) break;
    kept.add(column);
    left -= least(column) + 1;
  }
  const shown = columns.filter((column) => kept.has(column)).map((column) => ({
    ...column,
    width: Math.min(widest.get(column)!, least(column) + left),
  }));
  const line = (cell: (column: TableColumn<T>) => string) =>
    shown.map((column) => {
      const text = shortened(cell(column), column.width);
      return column.left ? text.padEnd(column.width) : text.padStart(column.width);
    }).join(" ");
  return [
    line(({ title }) => title),
    ...rows.slice(from, from + count).map((row) => line(({ cell }) => cell(row))),
  ];
}

/** Cuts the middle of a text longer than `width` (at least 1): addresses differ at both ends. */
export function shortened(text: string, width: number): string {
  if (text.length <= width) return text;
  const tail = Math.floor((width - 1) / 2);
  return `${text.slice(0, width - 1 - tail)}~${text.slice(text.length - tail)}`;
}

const UNITS = ["", "k", "M", "G", "T", "P", "E"];

/**
 * A number from 0 to 10^21 in at most five characters, with units of 1000. (`@std/fmt/bytes` needs
 * up to nine, too wide for a column, and always prints a unit.)
 */
export function compact(value: number): string {
  let unit = 0;
  // Round first: 999.6 is 1.00k, not 1000.
  while (Math.round(value) >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  if (unit === 0 && (value >= 9.95 || Number.isInteger(value))) return String(Math.round(value));
  const digits = unit === 0 ? 1 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)}${UNITS[unit]}`;
}
