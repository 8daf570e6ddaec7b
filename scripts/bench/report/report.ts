import { readTextIfExists } from "../../system/files.ts";
import type { Contenders } from "../contenders/find_contenders.ts";
import { figureTable, type Measured, type Table, targetTable } from "./tables.ts";

/** A finished run. */
export interface Report extends Measured {
  /** How much was measured; written to JSON as it is. */
  readonly plan: { readonly mode: "full" | "quick" };
  /** Pairs of name and value, for the head. */
  readonly facts: readonly (readonly [string, string])[];
  readonly contenders: Contenders;
  readonly notes: readonly string[];
}

/** The report for a terminal. */
export function toText(report: Report): string {
  return render(report, { table: alignedTable, item: "  ", head: (text) => `${text}\n` });
}

/** The report as a section of a Markdown file. `version` is that of balance. */
export function toMarkdown(report: Report, version: string): string {
  const date = report.facts.find(([name]) => name === "date")?.[1].slice(0, 10) ?? "";
  const body = render(report, {
    table: markdownTable,
    item: "- ",
    head: (text) => `### ${text}\n\n`,
  });
  return `## ${version}, ${date} (${report.plan.mode})\n\n${body}`;
}

/**
 * Puts a section into a Markdown file: newest first, replacing one with the same heading. The text
 * above the first section stays.
 */
export async function writeResults(file: string, section: string): Promise<void> {
  const old = await readTextIfExists(file) ?? "# Results\n";
  const [preamble = "", ...sections] = old.split(/\n(?=## )/);
  const heading = section.split("\n")[0];
  const others = sections.filter((other) => other.split("\n")[0] !== heading);
  const parts = [preamble, section, ...others].map((part) => part.trim());
  await Deno.writeTextFile(file, parts.join("\n\n") + "\n");
}

/** Every single value, as JSON. */
export function toJson({ plan, facts, contenders, samples, notes }: Report): string {
  const record = {
    plan,
    facts: Object.fromEntries(facts),
    present: contenders.found,
    missing: contenders.missing,
    samples,
    notes,
  };
  return JSON.stringify(record, null, 2) + "\n";
}

interface Style {
  readonly table: (rows: Table) => string;
  readonly item: string;
  readonly head: (text: string) => string;
}

function render(report: Report, { table, item, head }: Style): string {
  const { plan, facts, contenders: { found, missing }, notes } = report;
  const list = (lines: readonly string[]) => lines.map((line) => `${item}${line}\n`).join("");
  const parts = [list(facts.map(([name, value]) => `${name}: ${value}`))];
  parts.push(list([
    ...found.map(({ name, version, note }) => `${name} ${version}${note ? `; ${note}` : ""}`),
    ...missing.map(({ name, missing }) => `${name} is missing: ${missing}`),
  ]));
  const names = ["direct", ...found.map(({ name }) => name)];
  parts.push(head("Median [lowest-highest]") + table(figureTable(report, names)));
  parts.push(
    head("Against the targets: ratio of medians [of single runs]") + table(targetTable(report)),
  );
  if (plan.mode === "quick") {
    parts.push("Quick mode: fewer and shorter runs than the targets need.\n");
  }
  if (notes.length > 0) parts.push(head("Notes") + list(notes));
  return parts.join("\n");
}

function alignedTable(rows: Table): string {
  const widths = columnWidths(rows);
  return rows.map((row) =>
    row.map((text, i) => text.padEnd(widths[i] ?? 0)).join("  ").trimEnd() + "\n"
  ).join("");
}

function markdownTable(rows: Table): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text) => text.trim()).join(" | ")} |\n`;
  const [first = [], ...rest] = rows;
  return line(first) + line(first.map(() => "---")) + rest.map(line).join("");
}

function columnWidths(rows: Table): number[] {
  return (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
}
