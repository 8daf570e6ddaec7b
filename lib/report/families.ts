/** Builds families of metrics. Pure. */

import type { Family, Labels, Sample } from "./exposition.ts";
import type { Times } from "./stats.ts";

/** Creates gauges, from their samples or the value of their only sample. */
export const gauge = familyOf("gauge");

/** Creates counters, likewise. */
export const counter = familyOf("counter");

/** Creates histograms, likewise. */
export const histogram = familyOf("histogram");

function familyOf(type: Family["type"]) {
  return (name: string, help: string, samples: number | bigint | Iterable<Sample>): Family => ({
    name,
    type,
    help,
    samples: typeof samples === "object" ? samples : [{ value: samples }],
  });
}

/** The samples of one histogram in OpenMetrics' order: cumulative buckets, count, sum in seconds. */
export function* histogramSamples(
  { buckets, count, sumUs }: Times,
  boundsS: readonly number[],
  labels?: Labels,
): Generator<Sample> {
  const labeled = labels && { labels };
  let cumulative = 0n;
  for (const [i, inBucket] of buckets.entries()) {
    cumulative += inBucket;
    yield { suffix: "_bucket", ...labeled, le: boundText(boundsS[i]), value: cumulative };
  }
  yield { suffix: "_count", ...labeled, value: count };
  yield { suffix: "_sum", ...labeled, value: Number(sumUs) / 1e6 };
}

/** A bucket bound as OpenMetrics requires it in labels: `1.0`, `0.25`, `+Inf`. */
function boundText(bound = Infinity): string {
  if (bound === Infinity) return "+Inf";
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
}
