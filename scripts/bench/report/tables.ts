import { type Figure, figuresOf } from "./figures.ts";
import type { Samples } from "./samples.ts";
import { median, pairedRatios, range } from "./stats.ts";
import { isMet, type Target, targetsOf } from "./targets.ts";

/** A table; the first row is its head. */
export type Table = readonly (readonly string[])[];

/** If "direct" is not ahead of the fastest contender by this factor, the load is the limit. */
const HEADROOM = 1.3;

/** What the rows of both tables depend on. */
export interface Measured {
  readonly samples: Samples;
  /** Numbers of idle connections that were measured, in ascending order. */
  readonly idleCounts: readonly number[];
}

/** Medians with ranges: a row for each figure, a column for each contender that has any. */
export function figureTable({ samples, idleCounts }: Measured, names: readonly string[]): Table {
  const figures = figuresOf(idleCounts).filter(({ id }) => samples.has(id));
  const shown = names.filter((name) => figures.some(({ id }) => samples.of(id, name).length > 0));
  return [
    ["figure", "unit", ...shown, "load"],
    ...figures.map((figure) => [
      figure.label,
      figure.unit,
      ...shown.map((name) => cell(samples.of(figure.id, name), figure.digits)),
      figure.rate ? headroom(samples, figure, shown) : "",
    ]),
  ];
}

/** Results against targets: ratio of medians, in brackets the range of single repeats. */
export function targetTable({ samples, idleCounts }: Measured): Table {
  return [
    ["figure", "of", "against", "result", "target", "", "runs"],
    ...targetsOf(idleCounts).map((target) => [
      target.label,
      target.contender,
      ...reached(samples, target),
    ]),
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
  const core = figure.id.startsWith("workers.") ? "its cores" : "its core";
  const share = Number.isNaN(busy) ? "" : `, ${core} ${(busy * 100).toFixed(0)} % busy`;
  return `LIMITED BY THE LOAD (${text}${share})`;
}

/** Cells of a row: against, result, target, verdict, runs. */
function reached(samples: Samples, target: Target): string[] {
  const { figure, contender, against, relation, limit, unit } = target;
  const text = against === undefined ? limit?.toString() : limit?.toFixed(2);
  const wanted = text === undefined ? "-" : `${relation} ${text}${withBlank(unit)}`;
  const measured = samples.of(figure, contender);
  const best = bestOf(samples, target);
  const isMissing = best === undefined && against !== undefined;
  if (measured.length === 0 || isMissing) {
    return [against?.join(" or ") ?? "-", "-", wanted, "not measured", ""];
  }
  const reference = best === undefined ? undefined : samples.of(figure, best);
  const result = median(measured) / (reference === undefined ? 1 : median(reference));
  const single = reference === undefined ? measured : pairedRatios(measured, reference);
  return [
    against !== undefined && against.length > 1 ? `${best} (the better)` : best ?? "-",
    reachedText(result, single, target),
    wanted,
    verdict(isMet(target, result)),
    String(measured.length),
  ];
}

function reachedText(result: number, single: readonly number[], target: Target): string {
  const { unit, digits } = target;
  const text = result.toFixed(digits ?? 3) + withBlank(unit);
  if (single.length < 2) return text;
  const { low, high } = range(single);
  return `${text} [${low.toFixed(digits ?? 2)}-${high.toFixed(digits ?? 2)}]`;
}

function withBlank(unit: string | undefined): string {
  return unit === undefined ? "" : ` ${unit}`;
}

function verdict(met: boolean | undefined): string {
  if (met === undefined) return "no target";
  return met ? "met" : "NOT MET";
}

/** The contender with the best median among those to compare with; `undefined` if none has any. */
function bestOf(samples: Samples, { figure, against = [], relation }: Target): string | undefined {
  const sign = relation === ">=" ? -1 : 1;
  const middle = (name: string) => sign * median(samples.of(figure, name));
  return against
    .filter((name) => samples.of(figure, name).length > 0)
    .toSorted((a, b) => middle(a) - middle(b))[0];
}
