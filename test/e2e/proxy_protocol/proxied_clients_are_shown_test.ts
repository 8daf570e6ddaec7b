/** Where a client that a PROXY header has named is shown, and its peer with it. */

import { assertEquals, assertMatch } from "@std/assert";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { formatEndpoint } from "../../../lib/address/host_port.ts";
import { toBytes } from "../../helpers/bytes.ts";
import { waitForLines } from "../../helpers/log/log_file.ts";
import { get, startWithMetrics, untilMetric } from "../../helpers/metrics/start_with_metrics.ts";
import { echo } from "../../helpers/net/backends.ts";
import { readText } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { connections, dial } from "../../helpers/proxy_protocol/dial.ts";
import { v1, v2, v2Local } from "../../helpers/proxy_protocol/reference.ts";
import { t, until } from "../../helpers/t.ts";
import { tempDir } from "../../helpers/temp_dir.ts";

const CLIENT = { address: "2001:db8::9", port: 7 }, SITE = { address: "2001:db8::1", port: 443 };
const TRUSTED = "--accept-proxy=127.0.0.1";

t("conns, top, the log and the dump show the client of the header, and the peer", async () => {
  await using server = echo();
  await using dir = await tempDir();
  const log = `${dir.path}/log`, dump = `${dir.path}/dump.json`;
  const files = ["--log", log, "--log-format=json", "--log-start", "--dump-file", dump];
  const args = [
    "-f",
    TRUSTED,
    ...files,
    "--dump-format=json",
    "--dump-client=2001:db8::9",
    "PORT",
    server.address,
  ];
  await using balance = await startControlled(args);
  const header = joinBytes([v2(CLIENT, SITE), toBytes("x")]) as Uint8Array<ArrayBuffer>;
  let peer: string;
  {
    using proxied = await dial("127.0.0.1", balance.port, header);
    peer = formatEndpoint(proxied.source);
    await readText(proxied.conn, 1);
    const [shown] = await until(async () => {
      const all = await connections(balance.socket);
      return all[0]?.rcvd === 1 && all;
    }, { what: "the byte to be counted" });
    assertEquals([shown?.client, shown?.listener, shown?.peer], [CLIENT, SITE, proxied.source]);
    assertEquals([shown?.sent, shown?.rcvd], [1, 1]);
    assertMatch(await talk(balance.socket, "conns\n"), /client +peer +channel/);
    const json = await talk(balance.socket, "conns client 2001:db8::/64 --json\n");
    assertEquals(JSON.parse(json).length, 1);
    const top = JSON.parse(await talk(balance.socket, "top --json\n"));
    assertEquals([top.connections[0].client, top.connections[0].peer], [CLIENT, proxied.source]);
  }
  const ends = { client: "[2001:db8::9]:7", listener: "[2001:db8::1]:443", peer };
  for (const line of await waitForLines(log, 2)) {
    const { client, listener, peer } = JSON.parse(line);
    assertEquals({ client, listener, peer }, ends);
  }
  for (const line of await waitForLines(dump, 4)) {
    const { client, listener, peer } = JSON.parse(line);
    assertEquals({ client, listener, peer }, ends);
  }
});

t("a peer that speaks for itself is the client, and no peer is shown", async () => {
  await using server = echo();
  await using dir = await tempDir();
  const log = `${dir.path}/log`;
  await using balance = await startControlled([
    "-f",
    TRUSTED,
    "--log",
    log,
    "PORT",
    server.address,
  ]);
  for (const header of [toBytes("PROXY UNKNOWN\r\n"), v2Local()]) {
    using local = await dial("127.0.0.1", balance.port, header);
    const [shown] = await until(async () => {
      const all = await connections(balance.socket);
      return all[0]?.state === "open" && all;
    }, { what: "the connection to be open" });
    assertEquals([shown?.client, shown?.listener], [local.source, local.destination]);
    assertEquals(shown?.peer, undefined);
    local.conn.close();
    await until(async () => (await connections(balance.socket)).length === 0, { what: "the end" });
  }
  for (const line of await waitForLines(log, 2)) assertEquals(line.includes("peer="), false);
});

t("a peer whose header is awaited is shown, counted, and can be closed", async () => {
  await using server = echo();
  const port = freePort(), args = [`${port}`, TRUSTED, "PORT", server.address];
  await using balance = await startWithMetrics(args, { port });
  using waiting = await dial("127.0.0.1", balance.port, "PROXY TCP4 ");
  const [shown] = await until(async () => {
    const all = await connections(balance.socket);
    return all.length > 0 && all;
  }, { what: "the connection" });
  assertEquals([shown?.state, shown?.client], ["header", waiting.source]);
  const top = JSON.parse(await talk(balance.socket, "top --json\n"));
  assertEquals([top.states.header, top.states.dialing], [1, 0]);
  await untilMetric(port, "balance_connections", {}, 1);
  await talk(balance.socket, `close ${shown?.id}\n`);
  // Its bytes were never read, which may make the close a reset.
  assertEquals(await waiting.conn.read(new Uint8Array(1)).catch(() => null), null);
  await untilMetric(port, "balance_connections", {}, 0);
  await untilMetric(port, "balance_connections_ended_total", { reason: "closed_by_control" }, 1);
  assertEquals((await get(port, "/metrics")).text.includes('bad_proxy_header"} 0'), true);
  assertEquals(server.accepted, 0);
});

t("the lists apply to the client of the header, or to the peer if it is one", async () => {
  await using server = echo();
  const args = ["-f", TRUSTED, "--deny=192.0.2.0/24,127.0.0.1", "PORT", server.address];
  await using balance = await startControlled(args, { expectStderr: "any" });
  const site = { address: "198.51.100.7", port: 443 };
  for (
    const [header, isServed] of [
      [v1({ address: "192.0.2.1", port: 1 }, site), false],
      [v1({ address: "192.0.3.1", port: 1 }, site), true],
      [v2(CLIENT, SITE), true],
      [v2({ address: "::ffff:192.0.2.1", port: 1 }, SITE), false],
      [v2Local(), false],
    ] as const
  ) {
    const bytes = joinBytes([header, toBytes("x")]) as Uint8Array<ArrayBuffer>;
    using dialed = await dial("127.0.0.1", balance.port, bytes);
    const count = await dialed.conn.read(new Uint8Array(9)).catch(() => null);
    assertEquals(count, isServed ? 1 : null);
  }
  assertEquals(server.accepted, 2);
  await balance.waitForStderr(/^client 192\.0\.2\.1 was refused: /m);
  await balance.waitForStderr(/^client 127\.0\.0\.1 was refused: /m);
});
