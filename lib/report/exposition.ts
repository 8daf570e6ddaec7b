/**
 * Writes metrics as Prometheus reads them: its text format 0.0.4 and OpenMetrics 1.0. Pure.
 *
 * Names follow both: counters end in `_total` (which OpenMetrics does not count as part of the
 * name of the family), units are seconds and bytes, and no family's name is another one's too.
 */

/** How metrics are written. */
export type MetricsFormat = "text" | "openmetrics";

/** Media types of the formats. */
export const MEDIA_TYPES: Readonly<Record<MetricsFormat, string>> = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** One number. */
export interface Sample {
  /** Behind the family's name: `_bucket`, `_sum` and `_count` of a histogram. */
  readonly suffix?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number | bigint;
}

/** Numbers of one name. */
export interface Family {
  /** In snake case, without `_total`. */
  readonly name: string;
  readonly type: "gauge" | "counter" | "histogram";
  readonly help: string;
  readonly samples: Iterable<Sample>;
}

/**
 * Writes families, piece by piece, so that a great many need not be in memory at once.
 *
 * @param families The metrics.
 * @param format How to write them.
 * @returns Whole lines.
 */
export function* exposition(families: Iterable<Family>, format: MetricsFormat): Generator<string> {
  for (const { name, type, help, samples } of families) {
    const isCounter = type === "counter";
    const family = isCounter && format === "text" ? `${name}_total` : name;
    yield `# HELP ${family} ${escaped(help, format === "openmetrics")}\n# TYPE ${family} ${type}\n`;
    for (const { suffix = isCounter ? "_total" : "", labels = {}, value } of samples) {
      yield `${name}${suffix}${labelText(labels)} ${value}\n`;
    }
  }
  if (format === "openmetrics") yield "# EOF\n";
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value, true)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** Backslash and newline are escaped everywhere, the quote where the format asks for it. */
function escaped(text: string, quotes: boolean): string {
  const safe = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return quotes ? safe.replaceAll('"', '\\"') : safe;
}

/**
 * Chooses a format by what a client accepts (RFC 9110 section 12.5.1).
 *
 * @param accept The header `Accept`; `null` if there is none.
 * @returns OpenMetrics only if it is named and wanted at least as much as text.
 */
export function negotiate(accept: string | null): MetricsFormat {
  let openmetrics = 0, text = -1, any = -1;
  for (const range of (accept ?? "").split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const given = parameters.find((parameter) => parameter.startsWith("q="));
    const quality = given === undefined ? 1 : Number(given.slice(2)) || 0;
    if (type === "application/openmetrics-text") openmetrics = Math.max(openmetrics, quality);
    else if (type === "text/plain") text = Math.max(text, quality);
    else if (type === "text/*" || type === "*/*") any = Math.max(any, quality);
  }
  return openmetrics > 0 && openmetrics >= (text < 0 ? any : text) ? "openmetrics" : "text";
}
