import { assert, assertEquals } from "@std/assert";
import { idleCountsWithin } from "../../../scripts/bench/measure/idle.ts";
import { planOf } from "../../../scripts/bench/measure/plan.ts";
import { figuresOf } from "../../../scripts/bench/report/figures.ts";
import { Samples } from "../../../scripts/bench/report/samples.ts";
import { figureTable, targetTable } from "../../../scripts/bench/report/tables.ts";
import { targetsOf } from "../../../scripts/bench/report/targets.ts";
import { t } from "../../helpers/t.ts";

const IDLE_COUNTS = [1000, 5000, 9000];

/** Samples of one figure, by contender. */
function samplesOf(figure: string, values: Readonly<Record<string, readonly number[]>>): Samples {
  const samples = new Samples();
  for (const [name, each] of Object.entries(values)) {
    for (const value of each) samples.add(figure, name, value);
  }
  return samples;
}

/** The rows of the table of targets of one contender whose label starts with `label`, without both. */
function targetRows(samples: Samples, label: string, contender = "balance-epoll"): string[][] {
  return targetTable({ samples, idleCounts: IDLE_COUNTS })
    .filter(([text = "", of]) => text.startsWith(label) && of === contender)
    .map((row) => row.slice(2));
}

t("targetTable compares medians and shows the range of single repeats", () => {
  const samples = samplesOf("request.cpu", { "balance-epoll": [9, 10, 14], haproxy: [10, 10, 10] });
  assertEquals(targetRows(samples, "CPU per keep-alive request"), [
    ["haproxy", "1.000 [0.90-1.40]", "<= 1.00", "met", "3"],
    ["nginx", "-", "<= 1.00", "not measured", ""],
  ]);
});

t("targetTable compares with the better configuration of haproxy", () => {
  const values = { "balance-epoll": [300], haproxy: [400], "haproxy-splice": [250] };
  const [row] = targetRows(samplesOf("bulk.cpu", values), "CPU per GB");
  assertEquals(row, ["haproxy-splice (the better)", "1.200", "<= 1.00", "NOT MET", "1"]);
  const plain = { ...values, haproxy: [200] };
  const [other] = targetRows(samplesOf("bulk.cpu", plain), "CPU per GB");
  assertEquals(other?.[0], "haproxy (the better)");
});

t("targetTable uses the only configuration of haproxy that was measured", () => {
  const samples = samplesOf("bulk.cpu", { "balance-epoll": [300], haproxy: [400] });
  assertEquals(targetRows(samples, "CPU per GB")[0]?.slice(0, 2), [
    "haproxy (the better)",
    "0.750",
  ]);
});

t("targetTable judges a value in its own unit", () => {
  const label = "show under full load";
  const fast = samplesOf("control.worst", { "balance-epoll": [18, 21, 19] });
  assertEquals(targetRows(fast, label), [["-", "19.0 ms [18.0-21.0]", "<= 20 ms", "met", "3"]]);
  const slow = samplesOf("control.worst", { "balance-epoll": [20.1] });
  assertEquals(targetRows(slow, label), [["-", "20.1 ms", "<= 20 ms", "NOT MET", "1"]]);
  assertEquals(targetRows(new Samples(), label), [["-", "-", "<= 20 ms", "not measured", ""]]);
});

t("targetTable judges a small value with enough digits", () => {
  const row = (value: number) =>
    targetRows(samplesOf("idle.cpu", { "balance-epoll": [value] }), "CPU with idle")[0];
  assertEquals(row(0.0994), ["-", "0.099 %", "< 0.1 %", "met", "1"]);
  assertEquals(row(0.1), ["-", "0.100 %", "< 0.1 %", "NOT MET", "1"]);
});

t("targetTable shows a ratio without a target", () => {
  const values = { "balance-epoll-x2": [200], "haproxy-x2": [100] };
  const samples = samplesOf("workers.request.rate", values);
  assertEquals(targetRows(samples, "2 cores: request rate", "balance-epoll-x2"), [
    ["haproxy-x2", "2.000", "-", "no target", "1"],
  ]);
});

t("targetTable judges the memory of streams at 5,000 idle connections", () => {
  const samples = samplesOf("idle.5000.10", { balance: [14.5], haproxy: [3.3] });
  const rows = targetRows(samples, "memory per idle connection (5,000", "balance");
  assertEquals(rows.slice(0, 2), [
    ["-", "14.5 KiB", "<= 14 KiB", "NOT MET", "1"],
    ["haproxy", "4.394", "<= 5.00", "met", "1"],
  ]);
});

t("every target is about a figure of the table", () => {
  const known = new Set(figuresOf(IDLE_COUNTS).map(({ id }) => id));
  for (const { figure } of targetsOf(IDLE_COUNTS)) assert(known.has(figure), figure);
});

t("every planned rate and number of idle connections has its figures", () => {
  for (const quick of [true, false]) {
    const { low, idle } = planOf(quick);
    const known = new Set(figuresOf(idle.counts).map(({ id }) => id));
    for (const { rate } of low.rates) assert(known.has(`low.${rate}.cpu`), `${rate}/s`);
    for (const count of idle.counts) assert(known.has(`idle.${count}.10`), `${count} idle`);
  }
});

t("idleCountsWithin keeps to the limit of open files", () => {
  assertEquals(idleCountsWithin(IDLE_COUNTS, 20_000), IDLE_COUNTS);
  assertEquals(idleCountsWithin(IDLE_COUNTS, 16_384), [1000, 5000, 8000]);
  assertEquals(idleCountsWithin(IDLE_COUNTS, 4096), [1000, 1900]);
  assertEquals(idleCountsWithin(IDLE_COUNTS, 1024), [400]);
  assertEquals(idleCountsWithin(IDLE_COUNTS, 256), []);
});

t("figures and targets name the number of idle connections that were possible", () => {
  const samples = samplesOf("idle.8000.10", { "balance-epoll": [3], haproxy: [3.3] });
  const measured = { samples, idleCounts: [1000, 5000, 8000] };
  assertEquals(figureTable(measured, ["haproxy", "balance-epoll"])[1]?.slice(0, 4), [
    "idle of 8000, 10 messages",
    "KiB",
    "3.3",
    "3.0",
  ]);
  const row = targetTable(measured).find(([, , against, result]) =>
    against === "haproxy" && result !== "-"
  );
  assertEquals(row?.[0], "memory per idle connection (8,000, 10 messages)");
});

t("figureTable leaves out contenders without any value", () => {
  const samples = samplesOf("request.cpu", { haproxy: [10], balance: [12] });
  const [head] = figureTable({ samples, idleCounts: [] }, [
    "direct",
    "balance",
    "nginx",
    "haproxy",
  ]);
  assertEquals(head, ["figure", "unit", "balance", "haproxy", "load"]);
});
