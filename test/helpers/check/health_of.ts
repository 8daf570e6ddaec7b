/**
 * Health checks in the test process.
 *
 * @module
 */
import { type BackendOptions, DEFAULT_BACKEND_OPTIONS } from "../../../lib/cli/backend_options.ts";
import { parseGroups } from "../../../lib/cli/groups.ts";
import { CheckCounters } from "../../../lib/check/check_counters.ts";
import type { CheckSettings } from "../../../lib/check/settings.ts";
import { parseCheckSpec } from "../../../lib/check/spec.ts";
import { type Health, openHealth } from "../../../lib/health/health.ts";
import { newBudget } from "../../../lib/system/capacity.ts";
import type { ChannelNames } from "../../../lib/table/channel_names.ts";
import type { Table } from "../../../lib/table/table.ts";
import { buildTable, wantedOf } from "../table_of.ts";
import { until } from "../t.ts";

/** Health checks of a table, ended at the end of their scope. */
export interface TestHealth extends AsyncDisposable {
  readonly table: Table;
  readonly names: ChannelNames;
  readonly counters: CheckCounters;
  readonly health: Health;
  /** The lines for the operator so far, addresses left out. */
  readonly lines: readonly string[];
  /** The channels whose connections were closed, for example `0.1`. */
  readonly closed: readonly string[];
  /** Waits for this many lines and returns them. */
  waitForLines(count: number): Promise<string[]>;
}

/** Options of {@linkcode healthOf}; the others are as of the command line. */
export interface TestHealthOptions extends Partial<Omit<BackendOptions, "check">> {
  /** `--check` */
  readonly check?: string;
  /** What differs from an interval of 100 ms, a timeout of 1 s, and a rise and fall of 2. */
  readonly settings?: Partial<CheckSettings>;
  /** How many probes may run at a time. @default {16} */
  readonly probes?: number;
}

/** Starts to check channels. @param channels As arguments of balance. */
export async function healthOf(
  channels: readonly string[],
  { check, settings, probes = 16, ...options }: TestHealthOptions = {},
): Promise<TestHealth> {
  const limits = { maxGroups: 4, maxChannels: 64 };
  const specs = parseGroups(channels, { defaultPort: 80, services: () => undefined, ...limits });
  const size = { groups: 4, channels: 64, workers: 1 };
  const groups = await wantedOf(specs, { size });
  const { table, names } = buildTable(groups, size);
  const counters = new CheckCounters(table);
  const lines: string[] = [], closed: string[] = [];
  const health = openHealth({
    ...{ table, names, counters, groups, source: undefined },
    options: {
      ...DEFAULT_BACKEND_OPTIONS,
      check: check === undefined ? undefined : parseCheckSpec(check),
      checkSettings: { intervalMs: 100, rise: 2, fall: 2, timeoutMs: 1000, ...settings },
      ...options,
    },
    descriptors: newBudget(probes).share("health checks", { min: probes, max: probes }),
    notice: (line) => void lines.push(line.replace(/(channel \d\.\d+) \S+/, "$1")),
  });
  health.start(({ group, channel }) => Promise.resolve(closed.push(`${group}.${channel}`)));
  return {
    ...{ table, names, counters, health, lines, closed },
    async waitForLines(count) {
      await until(() => lines.length >= count, {
        what: () => `${count} lines, there are ${JSON.stringify(lines)}`,
      });
      return lines.slice(0, count);
    },
    [Symbol.asyncDispose]: () => health.close(),
  };
}
