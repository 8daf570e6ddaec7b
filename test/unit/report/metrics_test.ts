import { assertEquals } from "@std/assert";
import { metrics } from "../../../lib/report/metrics.ts";
import { newStats } from "../../../lib/report/stats.ts";
import { newTable } from "../../../lib/table/table.ts";
import { t } from "../../helpers/t.ts";

const RUNNING = { stopping: false };

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
  const source = {
    table,
    stats,
    listener: { address: "127.0.0.1", port: 80 },
    descriptors: undefined,
    messagesDropped: () => 0,
    logDropped: () => 0,
    dumpDropped: () => 0,
  };
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
