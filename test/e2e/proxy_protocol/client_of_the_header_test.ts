/** The client that a header names is the client for access lists, limits, schedules and `conns`. */

import { assert, assertEquals } from "@std/assert";
import { echo, hasIpv6, namedBackends } from "../../helpers/net/backends.ts";
import { ask, canBindSource, exchange, readText, readToEnd } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { freePort } from "../../helpers/net/ports.ts";
import { startWithMetrics, untilMetric } from "../../helpers/metrics/start_with_metrics.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { dial, type Dialed } from "../../helpers/proxy_protocol/dial.ts";
import { v1, v2, v2Local, withPayload } from "../../helpers/proxy_protocol/reference.ts";
import { skip, t } from "../../helpers/t.ts";

const SERVER = { address: "198.51.100.7", port: 443 },
  SERVER6 = { address: "2001:db8::7", port: 443 };

/** Headers of both versions with this client, which differ in nothing else. */
function headersOf(address: string): Uint8Array<ArrayBuffer>[] {
  const source = { address, port: 40000 }, server = address.includes(":") ? SERVER6 : SERVER;
  return [v1(source, server), v2(source, server, { crc: true })];
}

/** Whether a client that sends this header is served by an echo backend. */
async function served(port: number, header: Uint8Array<ArrayBuffer>): Promise<boolean> {
  using client = await dial("127.0.0.1", port, withPayload(header, "x"));
  if (!await sendEnd(client)) return false;
  return (await readToEnd(client.conn)).text === "x";
}

async function sendEnd({ conn }: Dialed): Promise<boolean> {
  try {
    await conn.closeWrite();
    return true;
  } catch {
    return false; // It was reset before.
  }
}

t("access lists apply to the client of the header, and to the peer of LOCAL", async () => {
  await using server = echo();
  const metrics = freePort();
  await using balance = await startWithMetrics([
    ...[`127.0.0.1:${metrics}`, "--accept-proxy", "127.0.0.1"],
    ...["--allow", "198.51.100.0/24,2001:db8::/32", "--deny", "198.51.100.66,2001:db8:bad::/48"],
    ...["PORT", server.address],
  ], { port: metrics, expectStderr: "any" });
  let denied = 0;
  for (
    const [client, expected] of [
      ["198.51.100.1", true],
      ["198.51.100.66", false],
      ["::ffff:198.51.100.1", true],
      ["::ffff:198.51.100.66", false],
      ["192.0.2.1", false],
      ["127.0.0.1", false],
      ["2001:db8::1", true],
      ["2001:db8:bad::1", false],
      ["::1", false],
    ] as const
  ) {
    for (const header of headersOf(client)) {
      assertEquals(await served(balance.port, header), expected, client);
      if (!expected) denied++;
    }
  }
  for (const local of [v2Local(), new TextEncoder().encode("PROXY UNKNOWN\r\n")]) {
    assertEquals(await served(balance.port, local), false);
    denied++;
  }
  assertEquals(server.accepted, 6);
  await untilMetric(metrics, "balance_connections_ended_total", { reason: "denied" }, denied);
});

t("--per-client counts the clients of headers, those of IPv6 by /64", async () => {
  await using server = echo();
  const metrics = freePort();
  await using balance = await startWithMetrics([
    ...[`127.0.0.1:${metrics}`, "--accept-proxy", "127.0.0.1", "--per-client", "2"],
    ...["PORT", server.address],
  ], { port: metrics, expectStderr: "any" });
  const held: Dialed[] = [];
  async function hold(address: string): Promise<void> {
    const header = headersOf(address)[held.length % 2]!;
    const client = await dial("127.0.0.1", balance.port, withPayload(header, "x"));
    held.push(client);
    assertEquals(await readText(client.conn, 1), "x", address);
  }
  try {
    for (const address of ["192.0.2.1", "192.0.2.1", "2001:db8::1", "2001:db8::2"]) {
      await hold(address);
    }
    for (const address of ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::3"]) {
      for (const header of headersOf(address)) {
        assertEquals(await served(balance.port, header), false, address);
      }
    }
    await hold("192.0.2.2");
    await hold("2001:db8:0:1::1");
  } finally {
    for (const { conn } of held) conn.close();
  }
  await untilMetric(metrics, "balance_connections_ended_total", { reason: "client_limit" }, 6);
  await untilMetric(metrics, "balance_connections", {}, 0);
  assert(await served(balance.port, headersOf("192.0.2.1")[0]!));
});

const HASH = "the client of the header decides the channel as its own connection would";
if (!await canBindSource()) skip(HASH, "this version of Deno cannot bind a source address");
else {
  t(HASH, async () => {
    await using backends = namedBackends(5);
    for (const schedule of ["hash", "consistent"]) {
      await using balance = await startControlled([
        ...["-f", "--accept-proxy", "127.0.0.1", "--schedule", schedule, "PORT"],
        ...backends.addresses,
      ]);
      const found = new Set<string>();
      for (let i = 2; i < 22; i++) {
        const from = `127.0.0.${i}`, own = await ask(balance.port, { from });
        for (const header of headersOf(from)) {
          const bytes = await exchange(balance.port, header);
          assertEquals(new TextDecoder().decode(bytes), `${own}\n`, `${schedule} of ${from}`);
        }
        found.add(own);
      }
      assert(found.size > 1, schedule);
    }
  });
}

t("`conns` selects and shows the client of the header", async () => {
  await using server = echo();
  await using balance = await startControlled([
    ...["-f", "--accept-proxy", "127.0.0.1", "PORT", server.address],
  ]);
  const wanted = hasIpv6 ? ["192.0.2.1", "2001:db8::1"] : ["192.0.2.1"];
  for (const address of wanted) {
    using client = await dial("127.0.0.1", balance.port, withPayload(headersOf(address)[0]!, "x"));
    assertEquals(await readText(client.conn, 1), "x");
    const shown = await talk(balance.socket, `conns client ${address}\n`);
    assert(shown.includes(`${address.includes(":") ? `[${address}]` : address}:40000`), shown);
    assert(shown.includes(`127.0.0.1:${client.source.port}`), shown);
    assertEquals((await talk(balance.socket, "conns client 127.0.0.1\n")).split("\n").length, 2);
    await client.conn.closeWrite();
    await readToEnd(client.conn);
  }
});
