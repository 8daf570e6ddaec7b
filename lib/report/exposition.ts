/**
 * The formats that Prometheus reads: its text format 0.0.4 and OpenMetrics 1.0. Pure.
 *
 * Samples of counters end in `_total`; in OpenMetrics the name of their family does not.
 */

/** A format of metrics. */
export type MetricsFormat = "text" | "openmetrics";

/** Media type of each format. */
export const MEDIA_TYPES: Readonly<Record<MetricsFormat, string>> = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** Names and values. */
export type Labels = Readonly<Record<string, string>>;

/** One value. */
export interface Sample {
  /** `_bucket`, `_sum` or `_count` of a histogram. */
  readonly suffix?: string;
  /** Formatted once if several samples have the same object. */
  readonly labels?: Labels;
  /** The label `le` of a bucket, which comes last. */
  readonly le?: string;
  readonly value: number | bigint;
}

/** A metric with all its samples. */
export interface Family {
  /** In snake case, without `_total`. */
  readonly name: string;
  readonly type: "gauge" | "counter" | "histogram";
  readonly help: string;
  readonly samples: Iterable<Sample>;
}

const NO_LABELS: Labels = {};

/** Formats metrics as pieces of whole lines, so that the whole text is never in memory at once. */
export function* exposition(families: Iterable<Family>, format: MetricsFormat): Generator<string> {
  const texts = new WeakMap<Labels, string>();
  for (const { name, type, help, samples } of families) {
    const isCounter = type === "counter";
    const family = isCounter && format === "text" ? `${name}_total` : name;
    yield `# HELP ${family} ${escaped(help, format === "openmetrics")}\n# TYPE ${family} ${type}\n`;
    for (const { suffix = isCounter ? "_total" : "", labels = NO_LABELS, le, value } of samples) {
      let text = texts.get(labels);
      if (text === undefined) texts.set(labels, text = labelText(labels));
      if (le !== undefined) text += `${text === "" ? "" : ","}le="${le}"`;
      yield `${name}${suffix}${text === "" ? "" : `{${text}}`} ${value}\n`;
    }
  }
  if (format === "openmetrics") yield "# EOF\n";
}

function labelText(labels: Labels): string {
  return Object.entries(labels).map(([name, value]) => `${name}="${escaped(value, true)}"`).join(
    ",",
  );
}

/** Escapes backslashes and newlines, and double quotes if `quotes` is set. */
function escaped(text: string, quotes: boolean): string {
  const safe = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return quotes ? safe.replaceAll('"', '\\"') : safe;
}

/**
 * Negotiates the format (RFC 9110 section 12.5.1): OpenMetrics only if the `Accept` header names it
 * with at least the quality of text.
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
