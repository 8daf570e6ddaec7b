/** Tables that fit: what does not matter most is left out where there is no room. */

/** One column. */
export interface TableColumn<T> {
  readonly title: string;
  readonly cell: (row: T) => string;
  /** Text stands at the left, numbers at the right. */
  readonly left?: boolean;
  /** Characters that it has at least, so that a longer value moves nothing. */
  readonly width?: number;
  /** May be shortened; takes what the others leave. At most one column is so. */
  readonly flexible?: boolean;
  /** What is left out first has the highest. */
  readonly rank: number;
}

/** Characters to which a flexible column is shortened before another one is left out. */
const SHORT = 21, SHORT_IN_NARROW = 16, NARROW = 60;

/**
 * A table as lines: the heading, then a line per row.
 *
 * @param columns In order from the left, one blank between them.
 * @param rows All rows; they decide how wide columns are, so that scrolling moves nothing.
 * @param options How many characters it may have, and which rows are wanted.
 * @returns None is longer than `width`, if the columns of the lowest rank fit at all.
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
  const short = width < NARROW ? SHORT_IN_NARROW : SHORT;
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

/**
 * Takes out of the middle what is too much: both ends of an address tell it from others.
 *
 * @param text Some text.
 * @param width At most so many characters, at least 1.
 */
export function shortened(text: string, width: number): string {
  if (text.length <= width) return text;
  const tail = Math.floor((width - 1) / 2);
  return `${text.slice(0, width - 1 - tail)}~${text.slice(text.length - tail)}`;
}

const UNITS = ["", "k", "M", "G", "T", "P", "E"];

/**
 * A number in at most five characters, with units of 1000. (`@std/fmt/bytes` takes up to nine,
 * which are too many for a column, and has no numbers without a unit.)
 *
 * @param value Not negative, below 10^21.
 */
export function compact(value: number): string {
  let unit = 0;
  // Rounding comes first: 999.6 is 1.00k and not 1000.
  while (Math.round(value) >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  if (unit === 0 && (value >= 9.95 || Number.isInteger(value))) return String(Math.round(value));
  const digits = unit === 0 ? 1 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)}${UNITS[unit]}`;
}
