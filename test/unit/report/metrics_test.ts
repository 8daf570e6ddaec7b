/** Metrics over HTTP: the formats, what the numbers say, and that nobody can do harm by asking. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { VERSION } from "../../../lib/base/version.ts";
import { exposition, negotiate } from "../../../lib/report/exposition.ts";
import { parseMetricsAddress } from "../../../lib/report/metrics_address.ts";
import { CONNECT_BOUNDS_S, newStats, Stats } from "../../../lib/report/stats.ts";
import { echo, hasIpv6, named, refusing, writeAll } from "../../helpers/net/backends.ts";
import { ask, connect, readLine, readText, readToEnd } from "../../helpers/net/client.ts";
import { controlSession } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/free_port.ts";
import { type MetricFamily, parseMetrics } from "../../helpers/openmetrics.ts";
import { WORKERS } from "../../helpers/program/program.ts";
import { runBalance } from "../../helpers/program/start_balance.ts";
import { type Controlled, startControlled } from "../../helpers/program/start_controlled.ts";
import { runProgram, startProgram } from "../../helpers/program/start_program.ts";
import { listensOn } from "../../helpers/net/tcp_sockets.ts";
import { skip, t, tool, until } from "../../helpers/t.ts";

const PURE = { permissions: "none" } as const;
const PACKAGE = new URL("../../../scripts/package/", import.meta.url).pathname;

t("parseMetricsAddress() reads a port, an address and a port, and IPv6 in brackets", () => {
  const good: [string, string, number][] = [
    ["9100", "127.0.0.1", 9100],
    ["0.0.0.0:1", "0.0.0.0", 1],
    ["[::1]:65535", "::1", 65535],
    ["localhost:80", "localhost", 80],
  ];
  for (const [text, host, port] of good) assertEquals(parseMetricsAddress(text), { host, port });
  for (const bad of ["", "0", "65536", "x", "::1:80", "[::1]", "a:b", ":80", "1 ", "[a]:-1"]) {
    assertMatch(
      assertThrows(() => parseMetricsAddress(bad), UsageError).message,
      /^invalid --metrics \[/,
    );
  }
}, PURE);

t("negotiate() gives OpenMetrics only to those who ask for it", () => {
  const openmetrics = [
    "application/openmetrics-text",
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75," +
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Application/OpenMetrics-Text; q=0.5, */*;q=0.5",
  ];
  for (const accept of openmetrics) assertEquals(negotiate(accept), "openmetrics", accept);
  const text = [
    null,
    "",
    "*/*",
    "text/plain",
    "text/html",
    "application/openmetrics-text;q=0",
    "application/openmetrics-text;q=x, text/plain",
    "application/openmetrics-text;q=0.1, text/plain;q=0.2",
    ",,;;,=;q=",
  ];
  for (const accept of text) assertEquals(negotiate(accept), "text", String(accept));
}, PURE);

t("exposition() names counters as each format wants them, and escapes", () => {
  const family = {
    name: "a_bytes",
    type: "counter",
    help: 'a "b"\\\n',
    samples: [{ labels: { l: '"\\\n' }, value: 12345678901234567890n }],
  } as const;
  assertEquals(
    [...exposition([family], "text")].join(""),
    '# HELP a_bytes_total a "b"\\\\\\n\n# TYPE a_bytes_total counter\n' +
      'a_bytes_total{l="\\"\\\\\\n"} 12345678901234567890\n',
  );
  assertEquals(
    [...exposition([family], "openmetrics")].join(""),
    '# HELP a_bytes a \\"b\\"\\\\\\n\n# TYPE a_bytes counter\n' +
      'a_bytes_total{l="\\"\\\\\\n"} 12345678901234567890\n# EOF\n',
  );
}, PURE);

t("parseMetrics() of these tests refuses what is not in order", () => {
  const family = "# HELP a b\n# TYPE a gauge\n";
  const bad: [string, RegExp][] = [
    [`${family}a 1\n`, /No # EOF/],
    [`${family}a 1`, /no end/],
    [`${family}a 1\na 2\n# EOF\n`, /Twice/],
    [`${family}b 1\n# EOF\n`, /no sample of the gauge a/],
    [`${family}a{l=x} 1\n# EOF\n`, /Labels/],
    [`${family}a NaNo\n# EOF\n`, /No number/],
    [`# HELP a b\n# TYPE a counter\na 1\n# EOF\n`, /no sample of the counter a/],
    [`${family}a 1\n# HELP a c\n# TYPE a counter\na_total 1\n# EOF\n`, /clashes/],
    [`# HELP a b\n# TYPE a histogram\na_bucket{le="1"} 1\n# EOF\n`, /Bound 1/],
    [`# HELP a b\n# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 2\n# EOF\n`, /2 and/],
  ];
  for (const [text, message] of bad) {
    assertMatch(assertThrows(() => parseMetrics(text, "openmetrics"), Error).message, message);
  }
}, PURE);

t("Stats count the same from every isolate, and a worker that died is counted out", () => {
  const stats = newStats({ groups: 2, channels: 3, workers: 2 });
  const other = new Stats(stats.handle, 1);
  stats.started();
  other.started();
  other.started();
  other.ended("client reset");
  assertEquals([stats.accepted, stats.open, stats.endedBy("client reset")], [3n, 2, 1n]);
  stats.releaseWorker(1);
  assertEquals([stats.open, other.open], [1, 1]);
  other.failed("refused");
  other.blame(1, 2);
  assertEquals([stats.failedBy("refused"), stats.blamed(1, 2), stats.blamed(1, 1)], [1n, 1n, 0n]);
  // A bound belongs to its bucket.
  for (const ms of [0.5, 0.6, 1, 10_000, 10_001]) other.connected(1, 2, ms);
  const { buckets, count, sumUs } = stats.connectTimes(1, 2);
  assertEquals(buckets.slice(0, 3), [1n, 2n, 0n]);
  assertEquals(buckets.slice(-2), [1n, 1n]);
  assertEquals([buckets.length, count, sumUs], [CONNECT_BOUNDS_S.length + 1, 5n, 20_003_100n]);
  assertEquals(stats.connectTimes(0, 0).count, 0n);
}, PURE);

/** A program whose metrics are served, which they are a moment after it listens. */
async function measured(
  argv: readonly string[],
  { port }: { port: number },
): Promise<Controlled> {
  const balance = await startControlled(["-f", "--metrics", ...argv]);
  try {
    await until(() => listensOn(port, balance.pid), { what: "the metrics to be served" });
  } catch (error) {
    await balance.stop("SIGKILL");
    throw error;
  }
  return balance;
}

/** Gets a page. */
async function get(
  port: number,
  path: string,
  init: RequestInit & { host?: string } = {},
): Promise<{ status: number; type: string | null; text: string }> {
  const response = await fetch(`http://${init.host ?? "127.0.0.1"}:${port}${path}`, init);
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    text: await response.text(),
  };
}

const OPENMETRICS = { headers: { accept: "application/openmetrics-text; version=1.0.0" } };

async function scrape(port: number): Promise<Map<string, MetricFamily>> {
  return parseMetrics((await get(port, "/metrics", OPENMETRICS)).text, "openmetrics");
}

/** The value of a sample that has these labels. */
function value(
  families: ReadonlyMap<string, MetricFamily>,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const wanted = Object.entries(labels);
  for (const family of families.values()) {
    for (const sample of family.samples) {
      const fits = wanted.every(([label, text]) => sample.labels[label] === text);
      if (sample.name === name && fits) return sample.value;
    }
  }
  return undefined;
}

t("/metrics tells what happened, valid in both formats", async () => {
  await using server = echo();
  await using dead = refusing();
  const port = freePort();
  const argv = [`${port}`, "PORT", dead.address, `${server.address}:7`];
  await using balance = await measured(argv, { port });
  await using client = await connect(balance.port);
  await client.send("hello");
  assertEquals(await readText(client, 5), "hello");
  const now = await scrape(port);
  const second = { group: "0", channel: "1", backend: server.address };
  const expected: [string, Record<string, string>, number][] = [
    ["balance_build_info", { version: VERSION }, 1],
    ["balance_workers", {}, WORKERS],
    ["balance_connections", {}, 1],
    ["balance_connections_accepted_total", {}, 1],
    ["balance_connections_ended_total", { reason: "client_closed" }, 0],
    ["balance_connect_failures_total", { reason: "refused" }, 1],
    ["balance_connect_failures_total", { reason: "no_descriptor" }, 0],
    ["balance_channel_enabled", { channel: "0", backend: dead.address }, 1],
    ["balance_channel_connect_failures_total", { channel: "0" }, 1],
    ["balance_channel_connect_failures_total", second, 0],
    ["balance_channel_available", second, 1],
    ["balance_channel_connections", second, 1],
    ["balance_channel_max_connections", second, 7],
    ["balance_channel_attempts_total", { channel: "0" }, 1],
    ["balance_channel_attempts_total", second, 1],
    ["balance_channel_sent_bytes_total", second, 5],
    ["balance_channel_received_bytes_total", second, 5],
    ["balance_channel_connect_seconds_count", second, 1],
    ["balance_channel_connect_seconds_count", { channel: "0" }, 0],
    ["balance_channel_connect_seconds_bucket", { ...second, le: "10.0" }, 1],
    ["balance_log_dropped_lines_total", {}, 0],
    ["balance_dump_dropped_chunks_total", {}, 0],
    ["balance_connection_fds", {}, 2],
  ];
  for (const [name, labels, wanted] of expected) {
    assertEquals(value(now, name, labels), wanted, `${name} ${JSON.stringify(labels)}`);
  }
  for (const name of ["balance_uptime_seconds", "process_cpu_seconds_total", "process_max_fds"]) {
    assert((value(now, name) ?? 0) > 0, name);
  }
  const started = value(now, "process_start_time_seconds") ?? 0;
  assert(Math.abs(Date.now() / 1000 - started) < 60, `${started}`);

  await client.closeWrite();
  await readToEnd(client);
  await until(async () => value(await scrape(port), "balance_connections") === 0);
  const later = await scrape(port);
  assertEquals(value(later, "balance_connections_ended_total", { reason: "client_closed" }), 1);
  assertEquals(value(later, "balance_connection_fds"), 0);

  const text = await get(port, "/metrics");
  assertEquals(text.type, "text/plain; version=0.0.4; charset=utf-8");
  assertEquals([...parseMetrics(text.text, "text").keys()], [...later.keys()]);
  assertEquals(
    (await get(port, "/metrics", OPENMETRICS)).type,
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
  );
});

t("several workers count into the same numbers", async () => {
  await using server = named("B0");
  const port = freePort();
  const argv = [`${port}`, "--workers", "2", "PORT", server.address];
  await using balance = await measured(argv, { port });
  await Promise.all(Array.from({ length: 40 }, () => ask(balance.port)));
  await until(async () => value(await scrape(port), "balance_connections") === 0);
  const now = await scrape(port);
  assertEquals(value(now, "balance_workers"), 2);
  assertEquals(value(now, "balance_connections_accepted_total"), 40);
  assertEquals(value(now, "balance_channel_connect_seconds_count"), 40);
  assertEquals(value(now, "balance_connections_ended_total", { reason: "client_closed" }), 40);
});

t("/healthz switches with the last channel that can be used", async () => {
  await using first = named("B0");
  await using second = named("B1");
  const port = freePort();
  const argv = [`${port}`, "PORT", first.address, "!", `${second.address}:1`];
  await using balance = await measured(argv, { port });
  using control = await controlSession(balance.socket);
  const health = async () => {
    const { status, text } = await get(port, "/healthz");
    return `${status} ${text.trim()}`;
  };
  assertEquals(await health(), "200 ok");
  await control.ask("disable 0");
  assertEquals(await health(), "200 ok");
  // The other group has one channel, for one connection.
  await using client = await connect(balance.port);
  assertEquals(await readLine(client), "B1");
  assertEquals(await health(), "503 no channel available");
  assertEquals(
    value(await scrape(port), "balance_channel_available", { group: "1" }),
    0,
  );
  await control.ask("enable 0");
  assertEquals(await health(), "200 ok");
  // While connections run to their end, nobody new should be sent here.
  balance.kill();
  await until(() => !listensOn(balance.port, balance.pid), { what: "the listener to go" });
  assertEquals(await health(), "503 shutting down");
  const status = JSON.parse((await get(port, "/status.json")).text);
  assertEquals([status.stopping, status.healthy, status.totals.connections], [true, false, 1]);
});

t("/status.json tells about the program, its groups and totals", async () => {
  await using server = echo();
  const port = freePort();
  const argv = [`127.0.0.1:${port}`, "PORT", server.address, "%"];
  await using balance = await measured(argv, { port });
  await using client = await connect(balance.port);
  await client.send("hello");
  await readText(client, 5);
  const { type, text } = await get(port, "/status.json");
  assertEquals(type, "application/json");
  const status = JSON.parse(text);
  assertEquals([status.version, status.pid, status.workers], [VERSION, balance.pid, WORKERS]);
  assertEquals(status.listener, { address: "0.0.0.0", port: balance.port });
  assert(status.uptimeSeconds > 0 && status.uptimeSeconds < 60);
  const [group] = status.groups;
  assertEquals([status.groups.length, group.group, group.type], [1, 0, "hash"]);
  const { connectMsMean, ...channel } = group.channels[0];
  assert(connectMsMean > 0 && connectMsMean < 5000, `${connectMsMean}`);
  assertEquals(channel, {
    channel: 0,
    address: "127.0.0.1",
    port: server.port,
    state: "enabled",
    available: true,
    c: 1,
    totalc: 1,
    maxc: 0,
    sent: 5,
    rcvd: 5,
    connects: 1,
    connectFailures: 0,
  });
  assertEquals([status.totals.accepted, status.totals.sent, status.totals.rcvd], [1, 5, 5]);
  assertEquals(status.dropped, { logLines: 0, dumpChunks: 0 });
  assertEquals(status.descriptors.connections, 2);
});

t("only GET and HEAD, only three paths", async () => {
  await using server = named("B0");
  const port = freePort();
  await using _balance = await measured([`${port}`, "PORT", server.address], { port });
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"]) {
    for (const path of ["/metrics", "/healthz", "/none"]) {
      assertEquals((await get(port, path, { method })).status, 405, method);
    }
  }
  for (const path of ["/metrics", "/healthz", "/status.json"]) {
    const head = await get(port, path, { method: "HEAD" });
    assertEquals([head.status, head.text], [200, ""], path);
  }
  for (const path of ["/", "/metrics/", "/Metrics", "//metrics", "/../metrics/x", "/%00"]) {
    assertEquals((await get(port, path)).status, 404, path);
  }
  assertEquals((await get(port, "/healthz?full=1")).status, 200);
});

t("hostile clients cost nobody else anything", async () => {
  await using server = named("B0");
  const port = freePort();
  await using balance = await measured([`${port}`, "PORT", server.address], { port });
  const before = await balance.quietFds();
  const encoder = new TextEncoder();
  const attacks = [
    "\0\x01\x02\xff\r\n\r\n",
    "GET /metrics HTTP/9.9\r\n\r\n",
    'GET /metrics HTTP/1.1\r\nHost: a b<>"\r\n\r\n',
    `GET /${"x".repeat(1 << 20)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET /metrics HTTP/1.1\r\n${"X: y\r\n".repeat(100_000)}\r\n`,
    "GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\nx",
    "POST /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    "GET http:// HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\0\0",
    "GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: " + "a/b;q=0.1,".repeat(500) + "\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(200),
    "GET /metr",
  ];
  const held: Deno.TcpConn[] = [];
  const sending: Promise<void>[] = [];
  for (const attack of attacks) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    held.push(conn);
    // It may close while we still send, or stop reading; what it answers is not read.
    sending.push(writeAll(conn, encoder.encode(attack)).catch(() => {}));
    assertEquals(await ask(balance.port), "B0", JSON.stringify(attack.slice(0, 40)));
    assertEquals((await get(port, "/healthz")).status, 200);
  }
  for (const conn of held) conn[Symbol.dispose]();
  await Promise.all(sending);
  await balance.settledFds(before + 2);
});

t("the program ends in time though somebody asks and never reads", async () => {
  await using server = named("B0");
  const port = freePort();
  await using balance = await measured([`${port}`, "PORT", server.address], { port });
  const request = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
  using stuck = await Deno.connect({ hostname: "127.0.0.1", port });
  // More answers than buffers hold.
  await writeAll(stuck, new TextEncoder().encode(request.repeat(1000)));
  using _idle = await Deno.connect({ hostname: "127.0.0.1", port });
  const started = performance.now();
  assertEquals((await balance.stop()).code, 0);
  assert(performance.now() - started < 2000, `${performance.now() - started} ms`);
});

t(
  "an address that is in use is one clear line and exit code 69, and leaves nothing behind",
  async () => {
    await using server = named("B0");
    for (const mode of [["-f"], []]) {
      const argv = [...mode, "--metrics", `${server.port}`, "PORT", server.address];
      const { code, stderr } = await runBalance(argv);
      assertEquals([code, stderr], [
        69,
        `balance: can't bind metrics address [127.0.0.1:${server.port}]: Address already in use\n`,
      ]);
    }
    const { code, stderr } = await runBalance(["-f", "--metrics", "x", "PORT", server.address]);
    assertEquals([code, stderr], [
      64,
      "invalid --metrics [x]: want [ADDR:]PORT, an IPv6 address in brackets\n",
    ]);
  },
);

if (hasIpv6) {
  t("--metrics [::1]:PORT listens on IPv6", async () => {
    await using server = named("B0");
    const port = freePort();
    const argv = [`[::1]:${port}`, "PORT", server.address];
    await using _balance = await measured(argv, { port });
    assertEquals((await get(port, "/healthz", { host: "[::1]" })).status, 200);
  });
} else skip("--metrics [::1]:PORT listens on IPv6", "there is no IPv6 on loopback");

/** A panel or an annotation of the dashboard, as far as it is looked at. */
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

/** The queries of the dashboard, with its variables filled in. */
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
  "dashboard and alert rules name only metrics that there are, and panels do not overlap",
  async () => {
    await using server = named("B0");
    const port = freePort();
    await using _balance = await measured([`${port}`, "PORT", server.address], { port });
    const known = new Set(
      [...(await scrape(port)).values()].flatMap(({ samples }) => samples.map(({ name }) => name)),
    );
    const rules = Deno.readTextFileSync(`${PACKAGE}prometheus-rules.yml`);
    const exprs = [...rules.matchAll(/^ +expr: (?:>-\n)?((?:.*\n)*?) +for:/gm)].map((one) =>
      one[1]
    );
    assertEquals(exprs.length, 9);
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
const CHECKED = "promtool finds nothing wrong with metrics, alert rules and queries";
const ALERTS = "promtool: alerts fire when they should, and not before";
const SCRAPED = "prometheus scrapes it, evaluates the alert rules, and answers the dashboard";

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
    const argv = [`${port}`, "PORT", dead.address, server.address];
    await using balance = await measured(argv, { port });
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
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals([code, said], [0, ""]);

    const { stdout: checked } = await runProgram(promtool, [
      "check",
      "rules",
      `${PACKAGE}prometheus-rules.yml`,
    ]);
    assertMatch(checked, /SUCCESS: 9 rules found/);
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
      "BalanceChannelDisabled",
      "BalanceChannelFull",
      "BalanceSlowConnects",
      "BalanceDescriptorsShort",
      "BalanceReportsDropped",
    ];
    /** Which alerts are there after half an hour of such values. */
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
      [`balance_channel_connections${channel}`]: "50x120",
      [`balance_channel_max_connections${channel}`]: "0x120",
      [`balance_channel_attempts_total${channel}`]: "0+100x120",
      [`balance_channel_connect_failures_total${channel}`]: "0+1x120",
      [`balance_channel_connect_seconds_bucket${channel.replace("}", ',le="1.0"}')}`]: "0+99x120",
      [`balance_channel_connect_seconds_bucket${channel.replace("}", ',le="+Inf"}')}`]: "0+99x120",
      [`balance_connection_fds${at}`]: "100x120",
      [`process_max_fds${at}`]: "1000x120",
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
      [`balance_connection_fds${at}`]: "900x120",
      [`balance_dump_dropped_chunks_total${at}`]: "0+1x120",
    }, names.slice(1));
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
    await using balance = await measured([`${port}`, "PORT", server.address], { port });
    for (let i = 0; i < 3; i++) await ask(balance.port);
    const folder = await Deno.makeTempDir({ prefix: "balance-test-" });
    try {
      await Deno.writeTextFile(
        `${folder}/prometheus.yml`,
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
          `--config.file=${folder}/prometheus.yml`,
          `--storage.tsdb.path=${folder}/data`,
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
      assertEquals(rules.length, 9);
      for (const rule of rules) assertEquals([rule.name, rule.lastError], [rule.name, undefined]);
      for (const expr of queries()) assertEquals((await query(expr)).status, "success", expr);
      const types = (await api("metadata")).data;
      assertEquals(types.balance_channel_connect_seconds[0].type, "histogram");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
