/** One row of the table. */
export interface Figure {
  readonly id: string;
  readonly label: string;
  readonly unit: string;
  /** Digits after the decimal point. */
  readonly digits: number;
  /** A rate that the load generator could limit: it is compared with "direct". */
  readonly rate?: true;
}

const RATES: readonly Figure[] = [
  { id: "request.cpu", label: "keep-alive request, CPU", unit: "us", digits: 1 },
  { id: "request.rate", label: "keep-alive requests", unit: "/s", digits: 0, rate: true },
  { id: "connection.cpu", label: "connection, CPU", unit: "us", digits: 0 },
  { id: "connection.rate", label: "connections", unit: "/s", digits: 0, rate: true },
  { id: "bulk.cpu", label: "bulk 256K, CPU, both ways", unit: "ms/GB", digits: 0 },
  { id: "down.cpu", label: "  backend to client, CPU", unit: "ms/GB", digits: 0 },
  { id: "up.cpu", label: "  client to backend, CPU", unit: "ms/GB", digits: 0 },
  { id: "down.rate", label: "  backend to client", unit: "MB/s", digits: 0, rate: true },
  { id: "up.rate", label: "  client to backend", unit: "MB/s", digits: 0, rate: true },
];

const DELAYS: readonly Figure[] = [
  { id: "latency.p50", label: "delay at fixed load, p50", unit: "us", digits: 0 },
  { id: "latency.p99", label: "delay at fixed load, p99", unit: "us", digits: 0 },
  ...[10, 100, 1000].flatMap((rate): Figure[] => [
    { id: `low.${rate}.cpu`, label: `${rate} requests/s: request, CPU`, unit: "us", digits: 0 },
    { id: `low.${rate}.p50`, label: `${rate} requests/s: delay, p50`, unit: "us", digits: 0 },
    { id: `low.${rate}.p99`, label: `${rate} requests/s: delay, p99`, unit: "us", digits: 0 },
  ]),
  { id: "control.p50", label: "show under load, median of 100", unit: "ms", digits: 1 },
  { id: "control.worst", label: "show under load, worst of 100", unit: "ms", digits: 1 },
  { id: "control.own", label: "  own timers late, worst of 100", unit: "ms", digits: 1 },
];

const START: readonly Figure[] = [
  { id: "start.time", label: "start until it answers", unit: "ms", digits: 0 },
  { id: "start.memory", label: "RSS at start", unit: "MiB", digits: 1 },
  { id: "load.memory", label: "RSS after the load", unit: "MiB", digits: 1 },
];

const TWO_CORES: readonly Figure[] = [
  {
    id: "workers.connection.rate",
    label: "2 cores: connections",
    unit: "/s",
    digits: 0,
    rate: true,
  },
  { id: "workers.connection.cpu", label: "2 cores: connection, CPU", unit: "us", digits: 0 },
  { id: "workers.request.rate", label: "2 cores: requests", unit: "/s", digits: 0, rate: true },
  { id: "workers.request.cpu", label: "2 cores: request, CPU", unit: "us", digits: 1 },
];

/**
 * The rows of the table, in order. Rows without any value are left out.
 *
 * @param idleCounts Numbers of idle connections that were measured.
 */
export function figuresOf(idleCounts: readonly number[]): readonly Figure[] {
  return [
    ...RATES,
    ...DELAYS,
    ...idleCounts.flatMap((count): Figure[] => [
      { id: `idle.${count}.1`, label: `idle of ${count}, 1 message`, unit: "KiB", digits: 1 },
      { id: `idle.${count}.10`, label: `idle of ${count}, 10 messages`, unit: "KiB", digits: 1 },
      { id: `idle.${count}.kept`, label: `kept after ${count} closed`, unit: "MiB", digits: 1 },
    ]),
    { id: "idle.cpu", label: `CPU with ${idleCounts[0]} idle`, unit: "%", digits: 3 },
    ...START,
    ...TWO_CORES,
  ];
}
