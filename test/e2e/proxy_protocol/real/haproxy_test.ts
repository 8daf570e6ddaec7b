/** HAProxy on either side of balance, and of the reference that other tests rely on. */

import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { hasIpv6, named } from "../../../helpers/net/backends.ts";
import { ask, readExactly, readText } from "../../../helpers/net/client.ts";
import { talk } from "../../../helpers/net/control_socket.ts";
import { haproxyWith } from "../../../helpers/net/haproxy.ts";
import { freePort } from "../../../helpers/net/ports.ts";
import { startControlled } from "../../../helpers/program/start_controlled.ts";
import { assertIdentified, dial, getWords, wordsOf } from "../../../helpers/proxy_protocol/dial.ts";
import { headerBackend } from "../../../helpers/proxy_protocol/header_backend.ts";
import {
  CRC32C,
  NOOP,
  UNIQUE_ID,
  v1,
  v2,
  v2Local,
} from "../../../helpers/proxy_protocol/reference.ts";
import { until, withTools } from "../../../helpers/t.ts";
import { tempDir } from "../../../helpers/temp_dir.ts";

/** How HAProxy sends a header, as options of its servers. */
const SENDING = {
  v1: "send-proxy",
  v2: "send-proxy-v2",
  crc: "send-proxy-v2 proxy-v2-options crc32c",
  id: "send-proxy-v2 proxy-v2-options unique-id,crc32c",
} as const;
const HOSTS = hasIpv6 ? ["127.0.0.5", "::1"] : ["127.0.0.5"];

/** A listener per way of sending, all to one server. */
function senders(ports: readonly number[], server: number): string {
  return Object.entries(SENDING).map(([name, options], i) =>
    `listen ${name}
  bind 0.0.0.0:${ports[i]}${hasIpv6 ? `,::1:${ports[i]}` : ""}
  unique-id-format %ci:%cp
  server s 127.0.0.1:${server} ${options}
`
  ).join("");
}

/** Frontends that expect a header, and answer with the addresses that it names. */
function readers(ports: readonly number[]): string {
  return ports.map((port, i) =>
    `frontend in${i}
  mode http
  bind 127.0.0.1:${port} accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port] in${i} %[fc_pp_unique_id]"
`
  ).join("");
}

const somePorts = (count: number) => Array.from({ length: count }, () => freePort());

withTools(["haproxy"], "HAProxy and the reference understand each other", async () => {
  await using server = headerBackend({ greeting: "!" });
  const ports = somePorts(4), [reader = 0] = somePorts(1);
  await using _haproxy = await haproxyWith(
    senders(ports, server.port) + readers([reader]),
    [...ports, reader],
  );
  for (const hostname of HOSTS) {
    for (const [i, port] of ports.entries()) {
      using client = await dial(hostname, port);
      assertEquals(await readText(client.conn, 1), "!");
      const header = server.headers.at(-1)!;
      assertEquals(header.source, client.source);
      assertEquals(header.destination, client.destination);
      assertEquals(header.version, i === 0 ? 1 : 2);
      const types = header.tlvs.map(({ type }) => type).sort();
      assertEquals(types, [[], [], [CRC32C], [CRC32C, UNIQUE_ID]][i]!);
    }
  }
  assertEquals(server.faults, []);

  const pairs = [
    [{ address: "192.0.2.1", port: 56324 }, { address: "198.51.100.7", port: 443 }],
    [{ address: "2001:db8::1", port: 1 }, { address: "::1", port: 65535 }],
  ] as const;
  const tlvs = [
    { type: NOOP, value: new Uint8Array(9) },
    { type: UNIQUE_ID, value: new TextEncoder().encode("17") },
  ];
  for (const [source, destination] of pairs) {
    for (const header of [v1(source, destination), v2(source, destination, { tlvs, crc: true })]) {
      const { words } = await getWords("127.0.0.1", reader, header);
      assertEquals(words.slice(0, 4), wordsOf({ source, destination }));
      assertEquals(words[5], header[0] === 0x50 ? undefined : "17");
    }
  }
  const local = await getWords("127.0.0.1", reader, v2Local());
  assertEquals(local.words.slice(0, 4), wordsOf(local));
});

withTools(["haproxy"], "balance believes the headers of HAProxy, all versions", async () => {
  await using server = named("B0");
  using dir = tempDir();
  const log = `${dir.path}/log`;
  await using balance = await startControlled([
    ...["-f", "--accept-proxy", "127.0.0.0/8", "--log", log, "PORT", server.address],
  ]);
  const ports = somePorts(4);
  await using _haproxy = await haproxyWith(senders(ports, balance.port), ports);
  const seen: string[] = [];
  for (const hostname of HOSTS) {
    for (const port of ports) {
      // The backend speaks first.
      using client = await dial(hostname, port);
      assertEquals(await readText(client.conn, 3), "B0\n");
      await assertIdentified(balance.socket, client);
      await client.conn.write(new TextEncoder().encode("hello"));
      assertEquals(new TextDecoder().decode(await readExactly(client.conn, 5)), "hello");
      seen.push(
        client.source.address.includes(":")
          ? `[::1]:${client.source.port}`
          : `${client.source.address}:${client.source.port}`,
      );
    }
  }
  await until(() => Deno.readTextFileSync(log).split("\n").length > seen.length, {
    what: "the log",
  });
  const lines = Deno.readTextFileSync(log);
  for (const client of seen) {
    const line = lines.split("\n").find((one) => one.includes(` client=${client} `)) ?? "";
    assertMatch(line, / peer=127\.0\.0\.1:\d+\b/, lines);
    // Payload only.
    assertMatch(line, / sent=5 rcvd=8\b/);
  }
});

withTools(["haproxy"], "HAProxy believes the headers of balance, all versions", async () => {
  const ports = somePorts(3);
  await using _haproxy = await haproxyWith(readers(ports), ports);
  const versions = ["v1", "v2", "v2,id"];
  const channels = ports.map((port, i) => `127.0.0.1:${port},send-proxy=${versions[i]}`);
  using dir = tempDir();
  const log = `${dir.path}/log`;
  await using balance = await startControlled(["-f", "--log", log, "PORT", ...channels]);
  await using v6 = hasIpv6
    ? await startControlled(["-f", "-b", "::1", "PORT", ...channels], { address: "::1" })
    : undefined;
  const ids: number[] = [];
  for (const [hostname, port] of [["127.0.0.5", balance.port], ["::1", v6?.port]] as const) {
    if (port === undefined) continue;
    for (const name of ["in0", "in1", "in2", "in0", "in1", "in2"]) {
      const got = await getWords(hostname, port);
      assertEquals(got.words.slice(0, 5), [...wordsOf(got), name]);
      assertEquals(got.words.length, name === "in2" ? 6 : 5);
      if (name === "in2" && port === balance.port) ids.push(Number(got.words[5]));
    }
  }
  await until(() => Deno.readTextFileSync(log).split("\n").length > 6, { what: "the log" });
  const logged = Deno.readTextFileSync(log).matchAll(/ id=(\d+) .* channel=0\.2 /g);
  // Lines of different workers may be in any order.
  assertEquals(Array.from(logged, ([, id]) => Number(id)).sort((a, b) => a - b), ids);
});

withTools(["haproxy"], "checks of HAProxy reach balance as LOCAL, and do not fail", async () => {
  await using server = named("B0");
  await using balance = await startControlled([
    ...["-f", "--accept-proxy", "127.0.0.1", "PORT", server.address],
  ], { expectStderr: "any" });
  const ports = somePorts(2);
  const checked = ["send-proxy", "send-proxy-v2"].map((options, i) =>
    `listen l${i}
  bind 127.0.0.1:${ports[i]}
  timeout check 10s
  option tcp-check
  tcp-check expect string B0
  server s 127.0.0.1:${balance.port} ${options} check check-send-proxy inter 20ms fall 1 rise 1
`
  ).join("");
  await using haproxy = await haproxyWith(checked, ports);
  await until(() => server.accepted >= 20, { what: "checks of HAProxy" });
  assertNotMatch(haproxy.output, /DOWN/);
  assertEquals(await ask(ports[0]!), "B0");
  assertEquals(await ask(ports[1]!), "B0");
  assertNotMatch(balance.stderr, /header/);
});

withTools(["haproxy"], "checks of balance reach HAProxy as LOCAL, and pass", async () => {
  const ports = somePorts(4);
  await using haproxy = await haproxyWith(readers(ports), ports);
  const [a, b, c, d] = ports;
  await using balance = await startControlled([
    ...["-f", "--check", "http:/", "--interval", "100ms", "PORT"],
    ...[`127.0.0.1:${a},send-proxy=v1`, `127.0.0.1:${b},send-proxy=v2`],
    ...[`127.0.0.1:${c},send-proxy=v2,id`, `127.0.0.1:${d},send-proxy=v2,check=tcp`],
  ]);
  let shown = "";
  await until(async () => {
    shown = await talk(balance.socket, "checks\n");
    return (shown.match(/\bup\b/g)?.length ?? 0) === 4;
  }, { what: () => `four channels that are up: ${shown}\n${haproxy.output}` });
  assertMatch(shown, /HTTP 200/);
  const got = await getWords("127.0.0.5", balance.port);
  assertEquals(got.words.slice(0, 4), wordsOf(got));
  assert(!haproxy.ended);
});
