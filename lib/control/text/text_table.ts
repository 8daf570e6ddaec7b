/** A column of a table: its title, what it shows of a row, and whether it is aligned left. */
export type Column<Row> = [title: string, cell: (row: Row) => string, left?: "left"];

/** A table as text: a heading, and a line for each row. Columns are as wide as what they show. */
export function textTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const lines = [
    columns.map(([title]) => title),
    ...rows.map((row) => columns.map(([, cell]) => cell(row))),
  ];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)));
  return lines.map((line) => {
    const cells = line.map((cell, at) =>
      columns[at]![2] ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)
    );
    return `${cells.join("  ").trimEnd()}\n`;
  }).join("");
}
