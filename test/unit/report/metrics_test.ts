import { assertEquals } from "@std/assert";
import { CheckCounters } from "../../../lib/check/check_counters.ts";
import { exposition } from "../../../lib/report/exposition.ts";
import { healthProblem } from "../../../lib/report/health.ts";
import { metrics, type MetricsSource } from "../../../lib/report/metrics.ts";
import { newStats } from "../../../lib/report/stats.ts";
import { status } from "../../../lib/report/status.ts";
import { jsonText } from "../../../lib/report/pages/json_text.ts";
import { newTable, type Table } from "../../../lib/table/table.ts";
import { parseMetrics } from "../../helpers/openmetrics.ts";
import { t } from "../../helpers/t.ts";

const RUNNING = { stopping: false };
const V4 = Uint8Array.of(10, 0, 0, 1);

/** The source of the metrics of a table. */
function sourceOf(table: Table, more: Partial<MetricsSource> = {}): MetricsSource {
  return {
    table,
    stats: newStats({ accounts: table.accounts, workers: 1 }),
    checks: new CheckCounters(table),
    listener: { address: "127.0.0.1", port: 80 },
    engine: "streams",
    descriptors: undefined,
    messagesDropped: () => 0,
    logDropped: () => 0,
    dumpDropped: () => 0,
    ...more,
  };
}

/** A table of one group with channels at ports 1, 2, ... */
function tableOf(channels: number, maxc = 0): Table {
  const table = newTable({ groups: 1, channels: 4, workers: 1 });
  for (let port = 1; port <= channels; port++) table.add(0, { address: V4, port, maxc });
  return table;
}

/** The metrics that balance exposes, as a strict parser reads them. */
function exposed(source: MetricsSource) {
  const text = [...exposition(metrics(source, RUNNING), "openmetrics")].join("");
  const families = parseMetrics(text, "openmetrics");
  const values = (name: string, labels: Record<string, string> = {}) =>
    [...families.values()].flatMap(({ samples }) => samples)
      .filter((one) => one.name === name)
      .filter((one) => Object.entries(labels).every(([label, text]) => one.labels[label] === text))
      .map(({ value }) => value);
  return { families, values };
}

function statusOf(source: MetricsSource) {
  return JSON.parse([...jsonText(status(source, RUNNING))].join(""));
}

t("the metrics have a series per address, and one for the sum of many former ones", () => {
  const table = newTable({ groups: 1, channels: 1, workers: 1 });
  const stats = newStats({ accounts: table.accounts, workers: 1 });
  table.companion = stats;
  table.add(0, { address: Uint8Array.of(10, 0, 0, 1), port: 1 });
  for (let port = 2; port <= 101; port++) {
    table.leave(table.enter(0, 0));
    stats.connected(table.account(0, 0), 1);
    table.assign(0, 0, { address: Uint8Array.of(10, 0, 0, 1), port });
  }
  const source = sourceOf(table, { stats });
  const totals = (name: string, suffix?: string) => {
    const family = [...metrics(source, RUNNING)].find((one) =>
      one.name === `balance_channel_${name}`
    );
    return [...family!.samples].filter((sample) => sample.suffix === suffix)
      .map(({ labels, value }) => [labels?.backend, Number(value)] as const);
  };
  const sum = (values: readonly (readonly [unknown, number])[]) =>
    values.reduce((all, [, value]) => all + value, 0);
  const attempts = totals("attempts"), connects = totals("connect_seconds", "_count");
  assertEquals(attempts[0], ["10.0.0.1:101", 0]);
  assertEquals([sum(attempts), sum(connects)], [100, 100]);
  const former = attempts.filter(([backend]) => backend === "former");
  assertEquals([former.length, former[0]![1] > 1], [1, true]);
  assertEquals(new Set(attempts.map(([backend]) => backend)).size, attempts.length);
  assertEquals(totals("enabled"), [["10.0.0.1:101", 1]]);
});

t("the metrics show health, drain and effective weight of each channel", () => {
  const table = tableOf(3);
  const source = sourceOf(table);
  const { families, values } = exposed(source);
  assertEquals(values("balance_channel_up"), [1, 1, 1]);
  assertEquals(values("balance_channel_draining"), [0, 0, 0]);
  assertEquals(values("balance_channel_weight"), [1, 1, 1]);
  // Without checks there are no series about them.
  assertEquals([families.has("balance_checks"), values("balance_health_changes_total")], [false, [
    0,
    0,
    0,
  ]]);
  table.setHealth(0, 0, "down");
  table.setHealth(0, 1, "up");
  table.setState(0, 2, "draining");
  table.setWeight(0, 1, 5);
  table.setRamp(0, 1, 10);
  source.checks.changed(0, 0);
  const later = exposed(source).values;
  assertEquals(later("balance_channel_up"), [0, 1, 1]);
  assertEquals(later("balance_channel_draining"), [0, 0, 1]);
  assertEquals(later("balance_channel_enabled"), [1, 1, 0]);
  assertEquals(later("balance_channel_available"), [0, 1, 0]);
  assertEquals(later("balance_channel_weight"), [1, 0.5, 1]);
  assertEquals(later("balance_health_changes_total"), [1, 0, 0]);
});

t("the metrics count the checks of channels that have one, with a histogram", () => {
  const table = tableOf(2);
  const source = sourceOf(table);
  table.setChecked(0, 1, true);
  for (const ms of [2, 30]) source.checks.probed(0, 1, { ok: true, ms });
  source.checks.probed(0, 1, { ok: false, ms: 2000 });
  const { families, values } = exposed(source);
  assertEquals(values("balance_checks_total", { result: "passed" }), [2]);
  assertEquals(values("balance_checks_total", { result: "failed", channel: "1" }), [1]);
  assertEquals(values("balance_check_duration_seconds_count"), [3]);
  assertEquals(values("balance_check_duration_seconds_sum"), [2.032]);
  assertEquals(values("balance_check_duration_seconds_bucket", { le: "0.05" }), [2]);
  assertEquals(families.get("balance_check_duration_seconds")?.type, "histogram");
});

t("the metrics show how many clients wait, and how long they have waited", () => {
  const table = tableOf(1);
  const idle = exposed(sourceOf(table)).values;
  assertEquals([idle("balance_waiting"), idle("balance_wait_seconds_count")], [[0], [0]]);
  const source = sourceOf(table, { line: { length: 7, isFull: false } });
  for (const ms of [20, 2600, 400_000]) source.stats.waited(ms);
  const { values } = exposed(source);
  assertEquals(values("balance_waiting"), [7]);
  assertEquals(values("balance_wait_seconds_count"), [3]);
  assertEquals(values("balance_wait_seconds_sum"), [402.62]);
  assertEquals(values("balance_wait_seconds_bucket", { le: "0.025" }), [1]);
  assertEquals(values("balance_wait_seconds_bucket", { le: "300.0" }), [2]);
  assertEquals(statusOf(source).totals.waiting, 7);
});

t("healthProblem() goes by the health of checked channels, else by the last attempt", () => {
  const table = tableOf(2);
  const source = sourceOf(table), problem = () => healthProblem(source, RUNNING);
  assertEquals(problem(), undefined);
  const [first, second] = [table.account(0, 0), table.account(0, 1)];
  source.stats.failed(first, "refused");
  source.stats.failed(second, "refused");
  assertEquals(problem(), "no backend reachable");
  // An active check has found it up since, or will soon find it down.
  table.setChecked(0, 1, true);
  assertEquals(problem(), undefined);
  table.setHealth(0, 1, "down");
  assertEquals(problem(), "no backend reachable");
  table.setHealth(0, 0, "down");
  assertEquals(problem(), "no channel available");
  source.stats.connected(first, 1);
  assertEquals(problem(), "no channel available");
  table.setHealth(0, 1, "up");
  table.setState(0, 1, "draining");
  assertEquals(problem(), "no channel available");
  table.setState(0, 1, "enabled");
  assertEquals(problem(), undefined);
  assertEquals(healthProblem(source, { stopping: true }), "shutting down");
});

t("healthProblem() accepts full channels while there is room in the wait line", () => {
  const table = tableOf(1, 1);
  table.enter(0, 0);
  const problem = (line: MetricsSource["line"]) =>
    healthProblem(sourceOf(table, { line }), RUNNING);
  assertEquals(problem(undefined), "no channel available");
  assertEquals(problem({ length: 3, isFull: false }), undefined);
  assertEquals(problem({ length: 4, isFull: true }), "no channel available");
  // It never takes a connection, so waiting is useless.
  table.setMaxc(0, 0, -1);
  assertEquals(problem({ length: 3, isFull: false }), "no channel available");
  table.setMaxc(0, 0, 1);
  table.setHealth(0, 0, "down");
  assertEquals(problem({ length: 3, isFull: false }), "no channel available");
});

t("the status shows health and weight, and of a check neither its text nor its result's", () => {
  const table = tableOf(2);
  table.setHealth(0, 0, "down");
  table.setWeight(0, 0, 4);
  table.setRamp(0, 0, 50);
  const source = sourceOf(table, {
    check: (_group, channel) =>
      channel === 1 ? undefined : {
        spec: "send:AUTH secret1\\r\\n/expect:+OK",
        health: "down",
        sinceMs: Date.UTC(2026, 10, 22),
        last: { ok: false, text: "answered secret2", ms: 1.23456, atMs: Date.UTC(2026, 10, 23) },
        rise: { count: 0, of: 2 },
        fall: { count: 3, of: 3 },
        caution: "none",
      },
  });
  const [first, second] = statusOf(source).groups[0].channels;
  assertEquals([first.health, first.weight, first.effectiveWeight], ["down", 4, 2]);
  assertEquals(first.healthSince, "2026-11-22T00:00:00.000Z");
  assertEquals([second.health, second.weight, second.check], ["unknown", 1, undefined]);
  assertEquals(first.check, {
    kind: "send",
    passed: false,
    durationMs: 1.235,
    at: "2026-11-23T00:00:00.000Z",
  });
  assertEquals(JSON.stringify(statusOf(source)).includes("secret"), false);
});
