/** Backends get a PROXY header with the client (`--send-proxy`, `send-proxy=`). */

import { assert, assertEquals } from "@std/assert";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { backend } from "../../helpers/net/backends.ts";
import { readText, readToEnd } from "../../helpers/net/client.ts";
import { talk } from "../../helpers/net/control_socket.ts";
import { deadPort } from "../../helpers/net/ports.ts";
import { halted } from "../../helpers/program/halted.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { dial } from "../../helpers/proxy_protocol/dial.ts";
import { headerBackend } from "../../helpers/proxy_protocol/header_backend.ts";
import { UNIQUE_ID, v1, v2 } from "../../helpers/proxy_protocol/reference.ts";
import { t, until } from "../../helpers/t.ts";

for (const form of ["v1", "v2", "v2,id"] as const) {
  t(`--send-proxy ${form}: the header is exact, and leaves with the first bytes`, async () => {
    await using server = headerBackend();
    await using balance = await startControlled([
      ...["-f", "-6", "--send-proxy", form, "PORT", server.address],
    ], { address: "::" });
    const listeners = ["127.0.0.1", "127.0.0.9", "::1"];
    for (const [i, hostname] of listeners.entries()) {
      // Both have arrived when the program continues, so that one write can take them.
      const halt = await halted(balance.pid);
      using client = await dial(hostname, balance.port, "hello");
      halt[Symbol.dispose]();
      await client.conn.closeWrite();
      const { text } = await readToEnd(client.conn);
      assertEquals(text, "hello");
      const { source, destination } = client;
      const tlvs = [{ type: UNIQUE_ID, value: new TextEncoder().encode(`${i + 1}`) }];
      const expected = form === "v1"
        ? v1(source, destination)
        : v2(source, destination, { tlvs: form === "v2" ? [] : tlvs });
      assertEquals(server.raw[i]?.toHex(), expected.toHex());
      assertEquals(server.firstReads[i], expected.length + "hello".length);
    }
    assertEquals(server.faults, []);
  });
}

t("a client that sends nothing yet gets the greeting of its backend", async () => {
  await using server = headerBackend({ greeting: "220 ready\r\n" });
  await using balance = await startControlled(["-f", "--send-proxy", "v2", "PORT", server.address]);
  using client = await dial("127.0.0.1", balance.port);
  assertEquals(await readText(client.conn, 11), "220 ready\r\n");
  assertEquals(server.firstReads, [28]);
  await client.conn.write(new TextEncoder().encode("QUIT"));
  assertEquals(await readText(client.conn, 4), "QUIT");
});

t("a client that half-closes at once, with bytes or without, gets its answer", async () => {
  await using server = headerBackend({ greeting: "bye" });
  await using balance = await startControlled(["-f", "--send-proxy", "v1", "PORT", server.address]);
  for (const bytes of ["", "all"]) {
    using client = await dial("127.0.0.1", balance.port, bytes);
    await client.conn.closeWrite();
    const { text, end } = await readToEnd(client.conn);
    assertEquals([text, end], [`bye${bytes}`, "EOF"]);
  }
  assertEquals([server.headers.length, server.faults], [2, []]);
});

t("counters, conns and the log count only the payload", async () => {
  await using server = headerBackend();
  await using balance = await startControlled(["-f", "--send-proxy", "v2", "PORT", server.address]);
  using client = await dial("127.0.0.1", balance.port, "12345");
  assertEquals(await readText(client.conn, 5), "12345");
  for (const command of ["conns", "show"]) {
    const [one] = await until(async () => {
      const all = JSON.parse(await talk(balance.socket, `${command} --json\n`));
      return all[0].rcvd > 0 && all;
    }, { what: "the bytes to be counted" });
    assertEquals([one.sent, one.rcvd], [5, 5], command);
  }
});

t("each channel has its own header, and those without the one of the option", async () => {
  await using own = headerBackend();
  await using common = headerBackend();
  await using plain = backend(async (conn) => {
    const buffer = new Uint8Array(100), count = await conn.read(buffer) ?? 0;
    await conn.write(buffer.subarray(0, count));
  });
  await using balance = await startControlled([
    ...["-f", "--send-proxy", "v1", "PORT"],
    ...[`${own.address},send-proxy=v2,id,weight=1`, common.address],
    `${plain.address},send-proxy=none`,
  ]);
  for (let i = 0; i < 6; i++) {
    using client = await dial("127.0.0.1", balance.port, "x");
    assertEquals(await readText(client.conn, 1), "x");
  }
  assertEquals(own.headers.map(({ version, tlvs }) => [version, tlvs.length]), [[2, 1], [2, 1]]);
  assertEquals(common.headers.map(({ version }) => version), [1, 1]);
  assertEquals([...own.faults, ...common.faults], []);
});

t("a client that fails over announces itself to the backend that answers", async () => {
  await using server = headerBackend();
  await using balance = await startControlled([
    ...["-f", "--send-proxy", "v2", "PORT", `127.0.0.1:${deadPort()}`, server.address],
  ], { expectStderr: "any" });
  for (let i = 0; i < 4; i++) {
    using client = await dial("127.0.0.1", balance.port, "x");
    assertEquals(await readText(client.conn, 1), "x");
  }
  assertEquals(server.headers.length, 4);
});

t("much data in the first segments arrives after the header, byte for byte", async () => {
  await using server = headerBackend();
  await using balance = await startControlled(["-f", "--send-proxy", "v2", "PORT", server.address]);
  const text = Array.from({ length: 40_000 }, (_, i) => `${i} `).join("");
  using client = await dial("127.0.0.1", balance.port);
  const answer = readToEnd(client.conn);
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await client.conn.write(bytes.subarray(at));
  await client.conn.closeWrite();
  assertEquals((await answer).text === text, true);
  assertEquals(server.faults, []);
});

t("a channel that an operator creates can have a header, too", async () => {
  await using server = headerBackend();
  await using balance = await startControlled(["-f", "PORT", "127.0.0.1:1"], {
    expectStderr: "any",
  });
  const answer = await talk(
    balance.socket,
    `create 127.0.0.1 ${server.port} send-proxy=v2,id\ndisable 0\nenable 1\n`,
  );
  assert(answer.includes("channel created"), answer);
  using client = await dial("127.0.0.1", balance.port, "x");
  assertEquals(await readText(client.conn, 1), "x");
  await until(() => server.headers.length === 1, { what: "the header" });
  assertEquals(server.headers[0]?.tlvs.length, 1);
});

t(
  "the client of a received header is announced, with the address that it connected to",
  async () => {
    await using server = headerBackend();
    await using balance = await startControlled([
      ...["-f", "--accept-proxy", "127.0.0.1", "--send-proxy", "v1", "PORT", server.address],
    ]);
    const pairs = [["203.0.113.9", "192.0.2.80"], ["2001:db8::9", "2001:db8::80"]] as const;
    for (const [i, [address, listener]] of pairs.entries()) {
      const client = { address, port: 40001 }, to = { address: listener, port: 443 };
      using dialed = await dial("127.0.0.1", balance.port);
      const [bytes, text] = [v2(client, to), new TextEncoder().encode("hello")];
      await dialed.conn.write(joinBytes([bytes, text]));
      await dialed.conn.closeWrite();
      assertEquals((await readToEnd(dialed.conn)).text, "hello");
      const expected = v1(client, to);
      assertEquals(server.raw[i]?.toHex(), expected.toHex());
      // The payload has arrived with the header.
      assertEquals(server.firstReads[i], expected.length + text.length);
    }
  },
);
