/** What `--metrics` shows about health checks: metrics, `/healthz`, `/status.json`. */

import { assert, assertEquals } from "@std/assert";
import {
  get,
  scrape,
  startWithMetrics,
  untilMetric,
  value,
} from "../../helpers/metrics/start_with_metrics.ts";
import { named } from "../../helpers/net/backends.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { t, until } from "../../helpers/t.ts";

const CHECKS = ["--check", "tcp", "--interval", "50ms", "--rise", "2", "--fall", "2"];

/** Status and text of `/healthz`. */
async function healthz(port: number): Promise<string> {
  const { status, text } = await get(port, "/healthz");
  return `${status} ${text.trim()}`;
}

t("metrics, /healthz and /status.json follow backends that die and return", async () => {
  await using first = named("B0");
  await using second = named("B1");
  const port = freePort();
  const argv = [`${port}`, ...CHECKS, "PORT", first.address, second.address];
  await using balance = await startWithMetrics(argv, { port, expectStderr: "any" });
  const up = (channel: string, wanted: number) =>
    untilMetric(port, "balance_channel_up", { channel }, wanted);
  const labels = { channel: "0", backend: first.address };
  await until(async () =>
    (value(await scrape(port), "balance_checks_total", { ...labels, result: "passed" }) ?? 0) >= 2
  );
  assertEquals(await healthz(port), "200 ok");

  await first.stop();
  const families = await up("0", 0);
  assertEquals(value(families, "balance_channel_up", { channel: "1" }), 1);
  assertEquals(value(families, "balance_channel_available", labels), 0);
  assertEquals(value(families, "balance_channel_enabled", labels), 1);
  assert((value(families, "balance_checks_total", { ...labels, result: "failed" }) ?? 0) >= 2);
  assertEquals(value(families, "balance_health_changes_total", labels), 1);
  const checks = ["passed", "failed"]
    .map((result) => value(families, "balance_checks_total", { ...labels, result }) ?? 0);
  assertEquals(
    value(families, "balance_check_duration_seconds_count", labels),
    checks.reduce((sum, one) => sum + one),
  );
  assertEquals(await healthz(port), "200 ok");
  const status = JSON.parse((await get(port, "/status.json")).text);
  const [down] = status.groups[0].channels;
  assertEquals([down.health, down.available, down.state], ["down", false, "enabled"]);
  assertEquals([down.check.kind, down.check.passed], ["tcp", false]);

  await second.stop();
  const none = await up("1", 0);
  assertEquals(await healthz(port), "503 no channel available");
  assertEquals(value(none, "balance_healthy"), 0);

  await using _back = named("B1", { port: second.port });
  const back = await up("1", 1);
  // No client has connected: the check alone decides.
  assertEquals(await healthz(port), "200 ok");
  assertEquals(value(back, "balance_health_changes_total", { channel: "1" }), 2);
  await talk(balance.socket, "drain 1\n");
  await untilMetric(port, "balance_channel_draining", { channel: "1" }, 1);
  assertEquals(await healthz(port), "503 no channel available");
});

t(
  "a channel with check=none has no series about checks, and one whose check changes has",
  async () => {
    await using first = named("B0");
    await using second = named("B1");
    const port = freePort();
    const argv = [`${port}`, ...CHECKS, "PORT", `${first.address},check=none`, second.address];
    await using balance = await startWithMetrics(argv, { port, expectStderr: "any" });
    const channels = async () => {
      const samples = (await scrape(port)).get("balance_checks")?.samples ?? [];
      return [...new Set(samples.map((one) => one.labels.channel))].join(" ");
    };
    assertEquals(await channels(), "1");
    await talk(balance.socket, "check 0 tcp\n");
    await until(async () => await channels() === "0 1", {
      timeoutMs: 20_000,
      what: "the series of both channels",
    });
  },
);
