/** What balance must reach, as a ratio of medians of one run. */
export interface Target {
  /** ID of a figure in figures.ts. */
  readonly figure: string;
  readonly label: string;
  readonly contender: string;
  readonly against: string;
  readonly relation: "<=" | "<" | ">=";
  readonly ratio: number;
}

function atMost(
  figure: string,
  options: { label: string; haproxy: number; nginx: number; original: number },
): Target[] {
  const of = (against: string, relation: "<=" | "<", ratio: number): Target => ({
    figure,
    label: options.label,
    contender: "balance",
    against,
    relation,
    ratio,
  });
  return [
    of("haproxy", "<=", options.haproxy),
    of("nginx", "<=", options.nginx),
    of("original", options.original === 1 ? "<=" : "<", options.original),
  ];
}

/** The targets for performance. */
export const TARGETS: readonly Target[] = [
  ...atMost("request.cpu", {
    label: "CPU per keep-alive request",
    haproxy: 1.3,
    nginx: 1.4,
    original: 0.9,
  }),
  ...atMost("connection.cpu", {
    label: "CPU per connection",
    haproxy: 1.35,
    nginx: 1.35,
    original: 0.5,
  }),
  ...atMost("bulk.cpu", {
    label: "CPU per GB, 256 KiB buffers",
    haproxy: 1.15,
    nginx: 1.15,
    original: 0.6,
  }),
  ...atMost("idle.5000.10", {
    label: "memory per idle connection (5,000, 10 messages)",
    haproxy: 5,
    nginx: 1.7,
    original: 0.5,
  }),
  ...atMost("latency.p99", {
    label: "p99 at fixed load",
    haproxy: 1.3,
    nginx: 1.3,
    original: 1,
  }),
  {
    figure: "workers.connection.rate",
    label: "connection rate, two workers on two cores",
    contender: "balance-x2",
    against: "balance",
    relation: ">=",
    ratio: 1.6,
  },
];

/** Whether a ratio meets its target. */
export function isMet(target: Target, ratio: number): boolean {
  if (target.relation === ">=") return ratio >= target.ratio;
  return target.relation === "<" ? ratio < target.ratio : ratio <= target.ratio;
}
