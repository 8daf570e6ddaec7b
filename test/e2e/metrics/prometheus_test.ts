/** Dashboard and alert rules, checked with Prometheus itself if it is installed. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { get, scrape, startWithMetrics } from "../../helpers/metrics/start_with_metrics.ts";
import { named, refusing } from "../../helpers/net/backends.ts";
import { ask } from "../../helpers/net/client.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { runProgram, startProgram } from "../../helpers/program/start_program.ts";
import { skip, t, tool, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const PACKAGE = new URL("../../../scripts/package/", import.meta.url).pathname;

/** A panel of the dashboard: the fields used here. */
interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { x: number; y: number; w: number; h: number };
  readonly targets: readonly { readonly refId: string; readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

function dashboard(): Dashboard {
  return JSON.parse(Deno.readTextFileSync(`${PACKAGE}grafana-dashboard.json`));
}

/** The queries of the dashboard, with its variables replaced. */
function queries(): string[] {
  const { panels, annotations } = dashboard();
  const found = [
    ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...annotations.list.map(({ expr }) => expr),
  ];
  return found.map((expr) =>
    expr.replaceAll("$__rate_interval", "1m").replaceAll(/\$(job|instance)/g, ".+")
  );
}

t(
  "dashboard and alert rules use only existing metrics, and panels do not overlap",
  async () => {
    await using server = named("B0");
    const port = freePort();
    const argv = [`${port}`, "--check", "tcp", "PORT", server.address];
    await using _balance = await startWithMetrics(argv, { port });
    const known = new Set(
      [...(await scrape(port)).values()].flatMap(({ samples }) => samples.map(({ name }) => name)),
    );
    const rules = Deno.readTextFileSync(`${PACKAGE}prometheus-rules.yml`);
    const exprs = [...rules.matchAll(/^ +expr: (?:>-\n)?((?:.*\n)*?) +for:/gm)].map((one) =>
      one[1]
    );
    assertEquals(exprs.length, 13);
    for (const expr of [...queries(), ...exprs]) {
      const names = (expr ?? "").match(/\b(balance|process)_[a-z_]+/g) ?? [];
      assert(names.length > 0, expr);
      for (const name of names) assert(known.has(name), `${name} in ${expr}`);
    }
    const { panels, templating } = dashboard();
    assertEquals(templating.list.map(({ name }) => name), ["datasource", "job", "instance"]);
    assertEquals(new Set(panels.map(({ id }) => id)).size, panels.length);
    for (const { title, gridPos: { x, y, w, h } } of panels) {
      assert(x >= 0 && x + w <= 24, title);
      for (const { title: other, gridPos: at } of panels) {
        const apart = at.x >= x + w || at.x + at.w <= x || at.y >= y + h || at.y + at.h <= y;
        assert(other === title || apart, `${title} overlaps ${other}`);
      }
    }
  },
);

const promtool = tool("promtool");

const prometheus = tool("prometheus");

const CHECKED = "promtool accepts the metrics, the alert rules and the dashboard queries";

const ALERTS = "promtool: each alert fires on its condition and not otherwise";

const SCRAPED =
  "prometheus scrapes balance, evaluates the alert rules, and answers the dashboard queries";

/** Alerts about health and waiting, which the values of other tests do not cause. */
const HEALTH_ALERTS = [
  "BalanceChannelDown",
  "BalanceChannelFlapping",
  "BalanceChecksFailing",
  "BalanceClientsWait",
];

/** Runs promtool on a file of this text. */
async function promtoolOn(text: string, ...command: string[]): Promise<string> {
  const path = await Deno.makeTempFile({ prefix: "balance-test-", suffix: ".yml" });
  try {
    await Deno.writeTextFile(path, text);
    const { code, stdout, stderr } = await runProgram(promtool ?? "", [...command, path]);
    assertEquals(code, 0, stdout + stderr);
    return stdout;
  } finally {
    await Deno.remove(path);
  }
}

if (promtool === undefined) {
  for (const name of [CHECKED, ALERTS]) skip(name, "prometheus is not installed");
} else {
  t(CHECKED, async () => {
    await using server = named("B0");
    await using dead = refusing();
    const port = freePort();
    const argv = [`${port}`, "--check", "tcp", "--wait", "9", "PORT", dead.address, server.address];
    await using balance = await startWithMetrics(argv, { port, expectStderr: "any" });
    await ask(balance.port);
    const { text } = await get(port, "/metrics");
    const child = new Deno.Command(promtool, {
      args: ["check", "metrics"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    const printed = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals([code, printed], [0, ""]);

    const { stdout: checked } = await runProgram(promtool, [
      "check",
      "rules",
      `${PACKAGE}prometheus-rules.yml`,
    ]);
    assertMatch(checked, /SUCCESS: 13 rules found/);
    const rules = queries().map((expr, i) => ({ record: `q:${i}`, expr }));
    await promtoolOn(JSON.stringify({ groups: [{ name: "dashboard", rules }] }), "check", "rules");
  });

  t(ALERTS, async () => {
    const at = '{job="b",instance="i"}';
    const channel = '{job="b",instance="i",group="0",channel="0",backend="h:1"}';
    const names = [
      "BalanceDown",
      "BalanceNoChannelAvailable",
      "BalanceClientsTurnedAway",
      "BalanceChannelFailing",
      "BalanceChannelDown",
      "BalanceChannelFlapping",
      "BalanceChecksFailing",
      "BalanceClientsWait",
      "BalanceChannelDisabled",
      "BalanceChannelFull",
      "BalanceSlowConnects",
      "BalanceDescriptorsShort",
      "BalanceReportsDropped",
    ];
    /** Asserts which alerts fire after half an hour of these values. */
    const alerts = async (values: Record<string, string>, firing: readonly string[]) => {
      const tests = [{
        interval: "15s",
        input_series: Object.entries(values).map(([series, one]) => ({ series, values: one })),
        promql_expr_test: names.map((name) => ({
          expr: `count(ALERTS{alertname="${name}",alertstate="firing"})`,
          eval_time: "30m",
          exp_samples: firing.includes(name) ? [{ labels: "{}", value: 1 }] : [],
        })),
      }];
      const rule_files = [`${PACKAGE}prometheus-rules.yml`];
      await promtoolOn(
        JSON.stringify({ rule_files, evaluation_interval: "15s", tests }),
        "test",
        "rules",
      );
    };
    const healthy = {
      [`up${at}`]: "1x120",
      [`balance_build_info${at}`]: "1x120",
      [`balance_connections_ended_total{job="b",instance="i",reason="client_closed"}`]: "0+5x120",
      [`balance_connections_ended_total{job="b",instance="i",reason="connect_failed"}`]: "0x120",
      [`balance_channel_available${channel}`]: "1x120",
      [`balance_channel_enabled${channel}`]: "1x120",
      [`balance_channel_draining${channel}`]: "0x120",
      [`balance_channel_up${channel}`]: "1x120",
      [`balance_health_changes_total${channel}`]: "0x120",
      [`balance_checks_total${channel.replace("}", ',result="passed"}')}`]: "0+7x120",
      [`balance_checks_total${channel.replace("}", ',result="failed"}')}`]: "0x120",
      // Clients wait now and then.
      [`balance_waiting${at}`]: "3 0x119",
      [`balance_channel_connections${channel}`]: "50x120",
      [`balance_channel_max_connections${channel}`]: "0x120",
      [`balance_channel_attempts_total${channel}`]: "0+100x120",
      [`balance_channel_connect_failures_total${channel}`]: "0+1x120",
      [`balance_channel_connect_seconds_bucket${channel.replace("}", ',le="1.0"}')}`]: "0+99x120",
      [`balance_channel_connect_seconds_bucket${channel.replace("}", ',le="+Inf"}')}`]: "0+99x120",
      [`balance_connection_fds${at}`]: "100x120",
      [`process_max_fds${at}`]: "1000x120",
      [`balance_messages_dropped_total${at}`]: "0x120",
      [`balance_log_dropped_lines_total${at}`]: "0x120",
      [`balance_dump_dropped_chunks_total${at}`]: "0x120",
    };
    await alerts(healthy, []);
    await alerts({
      ...healthy,
      [`balance_connections_ended_total{job="b",instance="i",reason="connect_failed"}`]: "0+1x120",
      [`balance_channel_available${channel}`]: "0x120",
      [`balance_channel_enabled${channel}`]: "0x120",
      [`balance_channel_max_connections${channel}`]: "50x120",
      [`balance_channel_connect_failures_total${channel}`]: "0+50x120",
      [`balance_channel_connect_seconds_bucket${channel.replace("}", ',le="1.0"}')}`]: "0+9x120",
      [`balance_channel_connect_seconds_bucket${channel.replace("}", ',le="2.5"}')}`]: "0+99x120",
      // As many as a limit of 256 allows.
      [`balance_connection_fds${at}`]: "190x120",
      [`process_max_fds${at}`]: "256x120",
      [`balance_dump_dropped_chunks_total${at}`]: "0+1x120",
    }, names.slice(1).filter((name) => !HEALTH_ALERTS.includes(name)));
    await alerts({
      ...healthy,
      [`balance_channel_up${channel}`]: "0x120",
      [`balance_waiting${at}`]: "1+1x120",
    }, ["BalanceChannelDown", "BalanceClientsWait"]);
    await alerts({
      ...healthy,
      [`balance_health_changes_total${channel}`]: "0+1x120",
      [`balance_checks_total${channel.replace("}", ',result="passed"}')}`]: "0+5x120",
      [`balance_checks_total${channel.replace("}", ',result="failed"}')}`]: "0+2x120",
    }, ["BalanceChannelFlapping", "BalanceChecksFailing"]);
    // An operator who drains a channel, or disables one that is down, needs no alert.
    await alerts({
      ...healthy,
      [`balance_channel_enabled${channel}`]: "0x120",
      [`balance_channel_draining${channel}`]: "1x120",
      [`balance_channel_up${channel}`]: "0x120",
    }, []);
    await alerts({
      ...healthy,
      [`balance_connections_ended_total{job="b",instance="i",reason="wait_timeout"}`]: "0+1x120",
    }, ["BalanceClientsTurnedAway"]);
    await alerts({ [`up${at}`]: "1x60 0x60", [`balance_build_info${at}`]: "1x60" }, [
      "BalanceDown",
    ]);
  });
}

if (prometheus === undefined) skip(SCRAPED, "prometheus is not installed");
else {
  t(SCRAPED, async () => {
    await using server = named("B0");
    const port = freePort(), ui = freePort();
    await using balance = await startWithMetrics([`${port}`, "PORT", server.address], { port });
    for (let i = 0; i < 3; i++) await ask(balance.port);
    using dir = tempDir();
    await Deno.writeTextFile(
      `${dir.path}/prometheus.yml`,
      JSON.stringify({
        global: { scrape_interval: "1s", evaluation_interval: "1s" },
        rule_files: [`${PACKAGE}prometheus-rules.yml`],
        scrape_configs: [{
          job_name: "balance",
          static_configs: [{ targets: [`127.0.0.1:${port}`] }],
        }],
      }),
    );
    const api = async (path: string) => JSON.parse((await get(ui, `/api/v1/${path}`)).text);
    const query = (expr: string) => api(`query?query=${encodeURIComponent(expr)}`);
    await using _prometheus = await startProgram(prometheus, {
      args: [
        `--config.file=${dir.path}/prometheus.yml`,
        `--storage.tsdb.path=${dir.path}/data`,
        `--web.listen-address=127.0.0.1:${ui}`,
      ],
      timeoutMs: 30_000,
      ready: async () => {
        try {
          return (await get(ui, "/-/ready")).status === 200;
        } catch {
          return false;
        }
      },
    });
    await until(
      async () =>
        (await query("balance_connections_accepted_total")).data.result[0]?.value[1] === "3",
      { timeoutMs: 20_000, everyMs: 200, what: "prometheus to have scraped" },
    );
    assertEquals((await query("up")).data.result[0]?.value[1], "1");
    const target = (await api("targets")).data.activeTargets[0];
    assertEquals([target.health, target.lastError], ["up", ""]);
    const { data } = await api("rules");
    const { rules } = data.groups[0];
    assertEquals(rules.length, 13);
    for (const rule of rules) assertEquals([rule.name, rule.lastError], [rule.name, undefined]);
    for (const expr of queries()) assertEquals((await query(expr)).status, "success", expr);
    const types = (await api("metadata")).data;
    assertEquals(types.balance_channel_connect_seconds[0].type, "histogram");
  });
}
