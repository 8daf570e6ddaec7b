/** What an engine of balance must reach in one run. */
export interface Target {
  /** ID of a figure in figures.ts. */
  readonly figure: string;
  readonly label: string;
  readonly contender: string;
  /**
   * Contenders to compare with; if there are several, the best of them. Then `limit` is a ratio of
   * medians. Absent = `limit` is a value of the figure, in `unit`.
   */
  readonly against?: readonly string[];
  readonly relation: "<=" | "<" | ">=";
  /** Absent: the ratio is only shown. */
  readonly limit?: number;
  readonly unit?: string;
  /** Digits after the decimal point of a value. */
  readonly digits?: number;
}

/** Limits of the ratio to each of these contenders. */
type Limits = Readonly<Partial<Record<"haproxy" | "nginx" | "original", number>>>;

/** The configurations of haproxy that move bulk data: the epoll engine must match the better one. */
const BOTH_HAPROXY = ["haproxy", "haproxy-splice"];

function ratios(
  figure: string,
  { label, limits, contender, haproxy = ["haproxy"] }: {
    label: string;
    limits: Limits;
    contender: string;
    haproxy?: readonly string[];
  },
): Target[] {
  return Object.entries(limits).map(([name, limit]) => ({
    figure,
    label,
    contender,
    against: name === "haproxy" ? haproxy : [name],
    relation: name === "original" && limit < 1 ? "<" : "<=",
    limit,
  }));
}

function streams(figure: string, label: string, limits: Limits): Target[] {
  return ratios(figure, { label, limits, contender: "balance" });
}

function epoll(figure: string, label: string, limits: Limits): Target[] {
  const contender = "balance-epoll";
  if (figure !== "bulk.cpu") return ratios(figure, { label, limits, contender });
  return ratios(figure, { label, limits, contender, haproxy: BOTH_HAPROXY });
}

/**
 * The targets for performance. Those of the streams engine keep it from getting worse: each is at
 * most what an earlier release reached, plus the noise of the measurement.
 *
 * @param idleCounts Numbers of idle connections that were measured, in ascending order.
 */
export function targetsOf(idleCounts: readonly number[]): readonly Target[] {
  // Fewer than planned if the limit of open files is low; with --quick, not measured at all.
  const most = idleCounts.findLast((count) => count > STREAMS_IDLE) ?? 9000;
  return [...epollTargets(most), ...streamsTargets(), ...twoCores()];
}

/** Idle connections at which the memory of the streams engine is judged. */
const STREAMS_IDLE = 5000;

const REQUEST = "CPU per keep-alive request", CONNECTION = "CPU per connection";
const BULK = "CPU per GB, 256 KiB buffers";

function memory(count: number): string {
  return `memory per idle connection (${count.toLocaleString("en-US")}, 10 messages)`;
}

function epollTargets(mostIdle: number): Target[] {
  return [
    ...epoll("request.cpu", REQUEST, { haproxy: 1, nginx: 1 }),
    ...epoll("connection.cpu", CONNECTION, { haproxy: 1, nginx: 1.1 }),
    ...epoll("bulk.cpu", BULK, { haproxy: 1, nginx: 0.8 }),
    ...epoll(`idle.${mostIdle}.10`, memory(mostIdle), { haproxy: 1, nginx: 0.4 }),
    ...epoll("low.100.cpu", "CPU per request at 100 per second", { haproxy: 1.3, nginx: 1.3 }),
    ...epoll("latency.p50", "p50 at fixed load", { haproxy: 1, nginx: 1 }),
    ...epoll("latency.p99", "p99 at fixed load", { haproxy: 1.1, nginx: 1.1 }),
    {
      figure: "control.worst",
      label: "show under full load, worst of 100",
      contender: "balance-epoll",
      relation: "<=",
      limit: 20,
      unit: "ms",
      digits: 1,
    },
    {
      figure: "idle.cpu",
      label: "CPU with idle connections only",
      contender: "balance-epoll",
      relation: "<",
      limit: 0.1,
      unit: "%",
      digits: 3,
    },
  ];
}

function streamsTargets(): Target[] {
  return [
    ...streams("request.cpu", REQUEST, { haproxy: 1.3, nginx: 1.4, original: 0.9 }),
    ...streams("connection.cpu", CONNECTION, { haproxy: 1.45, nginx: 1.35, original: 0.5 }),
    ...streams("bulk.cpu", BULK, { haproxy: 1.15, nginx: 1.15, original: 0.6 }),
    {
      figure: `idle.${STREAMS_IDLE}.10`,
      label: memory(STREAMS_IDLE),
      contender: "balance",
      relation: "<=",
      limit: 14,
      unit: "KiB",
      digits: 1,
    },
    ...streams(`idle.${STREAMS_IDLE}.10`, memory(STREAMS_IDLE), {
      haproxy: 5,
      nginx: 1.7,
      original: 0.5,
    }),
    ...streams("latency.p99", "p99 at fixed load", { haproxy: 1.3, nginx: 1.3, original: 1 }),
  ];
}

function twoCores(): Target[] {
  const connections = "workers.connection", requests = "workers.request";
  const against = ["haproxy-x2"], contender = "balance-epoll-x2";
  return [
    {
      figure: `${connections}.rate`,
      label: "2 cores: connection rate",
      contender: "balance-x2",
      against: ["balance"],
      relation: ">=",
      limit: 1.6,
    },
    ...[
      { figure: `${connections}.rate`, label: "2 cores: connection rate" },
      { figure: `${requests}.rate`, label: "2 cores: request rate" },
    ].map((each): Target => ({ ...each, contender, against, relation: ">=" })),
    ...[
      { figure: `${connections}.cpu`, label: "2 cores: CPU per connection" },
      { figure: `${requests}.cpu`, label: "2 cores: CPU per request" },
    ].map((each): Target => ({ ...each, contender, against, relation: "<=" })),
  ];
}

/** Whether a ratio or value meets its target; `undefined` if the target has no limit. */
export function isMet({ relation, limit }: Target, reached: number): boolean | undefined {
  if (limit === undefined) return undefined;
  if (relation === ">=") return reached >= limit;
  return relation === "<" ? reached < limit : reached <= limit;
}
