/**
 * A strict parser of OpenMetrics 1.0 and of Prometheus' text format 0.0.4, as far as balance uses
 * them: gauges, counters and histograms. It rejects everything that violates the format.
 *
 * @module
 */

/** One sample. */
export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The samples of one name. */
export interface MetricFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly MetricSample[];
}

const NAME = /^[a-z][a-z0-9_]*$/;
const NUMBER = /^(?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|\+Inf)$/;
/** Suffixes that a sample may add to the name of its family. */
const SUFFIXES: Readonly<Record<"openmetrics" | "text", Record<string, readonly string[]>>> = {
  openmetrics: { gauge: [""], counter: ["_total"], histogram: ["_bucket", "_count", "_sum"] },
  text: { gauge: [""], counter: [""], histogram: ["_bucket", "_count", "_sum"] },
};

/**
 * Parses an exposition.
 *
 * @param format Which of the two formats.
 * @returns Its families by name, without `_total`.
 * @throws {Error} If anything violates the format.
 */
export function parseMetrics(
  text: string,
  format: "openmetrics" | "text",
): Map<string, MetricFamily> {
  if (!text.endsWith("\n")) throw new Error("The last line does not end with a newline");
  const lines = text.split("\n").slice(0, -1);
  if (format === "openmetrics" && lines.pop() !== "# EOF") throw new Error("No # EOF at the end");
  const families: (MetricFamily & { samples: MetricSample[] })[] = [];
  for (const [at, line] of lines.entries()) {
    const help = /^# HELP (\S+) (.+)$/.exec(line);
    const type = /^# TYPE (\S+) (gauge|counter|histogram)$/.exec(line);
    const now = families.at(-1);
    if (help !== null) {
      const name = help[1] ?? "";
      if (!NAME.test(name)) throw new Error(`Name of ${line}`);
      checkEscapes(help[2] ?? "");
      if (!lines[at + 1]?.startsWith(`# TYPE ${name} `)) throw new Error(`No type: ${line}`);
      families.push({ name, type: "", help: help[2] ?? "", samples: [] });
    } else if (type !== null) {
      if (now?.name !== type[1] || now?.type !== "") throw new Error(`Misplaced: ${line}`);
      Object.assign(now, { type: type[2] });
    } else {
      if (now === undefined) throw new Error(`Before any family: ${line}`);
      const sample = parseSample(line);
      const suffix = sample.name.slice(now.name.length);
      const fits = sample.name.startsWith(now.name) &&
        SUFFIXES[format][now.type]?.includes(suffix);
      if (!fits) throw new Error(`${line} is not a sample of the ${now.type} ${now.name}`);
      now.samples.push(sample);
    }
  }
  families.forEach((family) => checkFamily(family, format));
  checkNames(families);
  return new Map(families.map((one) => [one.name.replace(/_total$/, ""), one]));
}

function parseSample(line: string): MetricSample {
  const parts = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (parts === null) throw new Error(`No sample: ${line}`);
  const [, name = "", labelText, value = ""] = parts;
  if (!NUMBER.test(value)) throw new Error(`No number: ${line}`);
  const labels: Record<string, string> = {};
  let rest = labelText;
  while (rest !== undefined) {
    const label = /^([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/.exec(rest);
    if (label === null) throw new Error(`Labels of ${line}`);
    const key = label[1] ?? "";
    if (key in labels) throw new Error(`${key} twice: ${line}`);
    labels[key] = unescape(label[2] ?? "");
    const end = label[0].endsWith(",");
    rest = rest.slice(label[0].length);
    if (rest === "" && end) throw new Error(`Comma at the end: ${line}`);
    if (rest === "") rest = undefined;
  }
  return { name, labels, value: value === "+Inf" ? Infinity : Number(value) };
}

function unescape(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, letter) => letter === "n" ? "\n" : letter);
}

function checkEscapes(text: string): void {
  if (!/^(?:[^\\\n]|\\[\\"n])*$/.test(text)) throw new Error(`Escapes of ${text}`);
}

function checkFamily({ name, type, samples }: MetricFamily, format: "openmetrics" | "text"): void {
  if (type === "") throw new Error(`${name} has no type`);
  const isTotal = name.endsWith("_total");
  if (type === "counter" && isTotal !== (format === "text")) throw new Error(`Counter ${name}`);
  if (type !== "counter" && isTotal) throw new Error(`${name} is not a counter`);
  const seen = new Set<string>();
  for (const sample of samples) {
    const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
    if (seen.has(key)) throw new Error(`Twice: ${key}`);
    seen.add(key);
    if (type === "counter" && !(sample.value >= 0)) throw new Error(`Negative: ${key}`);
  }
  if (type === "histogram") checkHistogram(samples);
}

/** In each histogram buckets are in order and cumulative, `+Inf` is last and equals `_count`. */
function checkHistogram(samples: readonly MetricSample[]): void {
  const groups = new Map<string, MetricSample[]>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    // All samples of one set of labels are consecutive.
    if (groups.has(key) && [...groups.keys()].at(-1) !== key) throw new Error(`Scattered: ${key}`);
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  for (const [key, group] of groups) {
    const buckets = group.filter(({ name }) => name.endsWith("_bucket"));
    let bound = -Infinity, below = 0;
    for (const { labels, value } of buckets) {
      const le = labels.le ?? "";
      // OpenMetrics requires bounds to be written as floating-point numbers.
      if (!/^(\d+\.\d+|\+Inf)$/.test(le)) throw new Error(`Bound ${le} of ${key}`);
      const next = le === "+Inf" ? Infinity : Number(le);
      if (next <= bound || value < below) throw new Error(`Order of ${key} at ${le}`);
      [bound, below] = [next, value];
    }
    const count = group.find(({ name }) => name.endsWith("_count"))?.value;
    const sum = group.find(({ name }) => name.endsWith("_sum"))?.value;
    if (bound !== Infinity || count !== below || sum === undefined || sum < 0) {
      throw new Error(`Histogram ${key}: ${count} and ${sum} for ${below} in buckets`);
    }
  }
}

/** No name plus a suffix that some type adds may be the name of another family. */
function checkNames(families: readonly MetricFamily[]): void {
  const taken = new Map<string, string>();
  for (const { name } of families) {
    const base = name.replace(/_total$/, "");
    if (taken.has(base)) throw new Error(`${name} clashes with ${taken.get(base)}`);
    taken.set(base, name);
  }
  for (const base of taken.keys()) {
    for (const ending of ["_total", "_created", "_count", "_sum", "_bucket", "_info", "_gsum"]) {
      if (taken.has(`${base}${ending}`)) throw new Error(`${base}${ending} clashes with ${base}`);
    }
  }
}
