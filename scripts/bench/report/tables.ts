import { type Figure, FIGURES } from "./figures.ts";
import type { Samples } from "./samples.ts";
import { median, pairedRatios, range } from "./stats.ts";
import { isMet, type Target, TARGETS } from "./targets.ts";

/** A table; the first row is its head. */
export type Table = readonly (readonly string[])[];

/** If "direct" is not ahead of the fastest contender by this factor, the load is the limit. */
const HEADROOM = 1.3;

/** Medians with ranges: a row for each figure, a column for each contender. */
export function figureTable(samples: Samples, names: readonly string[]): Table {
  return [
    ["figure", "unit", ...names, "load"],
    ...FIGURES.filter(({ id }) => samples.has(id)).map((figure) => [
      figure.label,
      figure.unit,
      ...names.map((name) => cell(samples.of(figure.id, name), figure.digits)),
      figure.rate ? headroom(samples, figure, names) : "",
    ]),
  ];
}

/** Results against targets: ratio of medians, in brackets the range of single repeats. */
export function targetTable(samples: Samples): Table {
  return [
    ["figure", "against", "ratio", "target", "", "runs"],
    ...TARGETS.map((target) => [target.label, target.against, ...reached(samples, target)]),
  ];
}

function cell(values: readonly number[], digits: number): string {
  if (values.length === 0) return "-";
  const middle = median(values).toFixed(digits);
  if (values.length === 1) return middle;
  const { low, high } = range(values);
  return `${middle} [${low.toFixed(digits)}-${high.toFixed(digits)}]`;
}

/**
 * How far "direct" is ahead of the fastest contender. If not far enough, also how busy that contender
 * kept its core: near 100 % the contender, not the load, is the limit.
 */
function headroom(samples: Samples, figure: Figure, names: readonly string[]): string {
  const rate = (name: string) => median(samples.of(figure.id, name));
  const others = names.filter((name) => name !== "direct" && !Number.isNaN(rate(name)));
  const fastest = others.toSorted((a, b) => rate(b) - rate(a))[0];
  const ratio = rate("direct") / rate(fastest ?? "");
  if (fastest === undefined || Number.isNaN(ratio)) return "";
  const text = `direct ${ratio.toFixed(2)}x ${fastest}`;
  if (ratio >= HEADROOM) return text;
  const busy = median(samples.of(figure.id.replace(".rate", ".busy"), fastest));
  const share = Number.isNaN(busy) ? "" : `, its core ${(busy * 100).toFixed(0)} % busy`;
  return `LIMITED BY THE LOAD (${text}${share})`;
}

function reached(samples: Samples, target: Target): string[] {
  const limit = `${target.relation} ${target.ratio.toFixed(2)}`;
  const measured = samples.of(target.figure, target.contender);
  const reference = samples.of(target.figure, target.against);
  if (measured.length === 0 || reference.length === 0) return ["-", limit, "not measured", ""];
  const ratio = median(measured) / median(reference);
  const single = pairedRatios(measured, reference);
  const { low, high } = range(single);
  const spread = single.length > 1 ? ` [${low.toFixed(2)}-${high.toFixed(2)}]` : "";
  return [
    ratio.toFixed(3) + spread,
    limit,
    isMet(target, ratio) ? "met" : "NOT MET",
    String(measured.length),
  ];
}
