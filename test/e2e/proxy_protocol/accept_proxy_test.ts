/** `--accept-proxy`: what clients and backends notice of it. */

import { assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { joinBytes } from "../../../lib/base/bytes.ts";
import { toBytes } from "../../helpers/bytes.ts";
import { backend, echo, named, namedBackends } from "../../helpers/net/backends.ts";
import { connect, readText, readToEnd } from "../../helpers/net/client.ts";
import { startBalance } from "../../helpers/program/start_balance.ts";
import { NOOP, v1, v2, v2Local } from "../../helpers/proxy_protocol/reference.ts";
import { t } from "../../helpers/t.ts";

const CLIENT = { address: "192.0.2.1", port: 56324 }, SITE = { address: "198.51.100.7", port: 443 };
const CLIENT6 = { address: "2001:db8::9", port: 7 }, SITE6 = { address: "2001:db8::1", port: 443 };
const TRUSTED = "--accept-proxy=127.0.0.0/8";
const PAYLOAD = toBytes("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\nall of this is payload\0\xff\n");

/** Headers of all kinds. */
const HEADERS = [
  v1(CLIENT, SITE),
  v1(CLIENT6, SITE6),
  toBytes("PROXY UNKNOWN\r\n"),
  v2(CLIENT, SITE),
  v2(CLIENT6, SITE6, { crc: true, tlvs: [{ type: NOOP, value: new Uint8Array(300) }] }),
  v2Local(),
];

/** Sends pieces, one after the other, half-closes, and reads to the end. */
async function exchange(
  port: number,
  pieces: readonly Uint8Array<ArrayBuffer>[],
  pauseMs = 0,
): Promise<Uint8Array> {
  await using client = await connect(port);
  for (const [i, piece] of pieces.entries()) {
    if (i > 0) await delay(pauseMs);
    await client.send(piece);
  }
  await client.closeWrite();
  return (await readToEnd(client)).bytes;
}

t("a header and what follows it in one segment: the backend gets the payload alone", async () => {
  await using server = echo();
  await using balance = await startBalance(["-f", TRUSTED, "PORT", server.address]);
  const large = new Uint8Array(100_000).map((_, i) => i * 7);
  for (const header of HEADERS) {
    for (const payload of [PAYLOAD, new Uint8Array(), new Uint8Array(512), large]) {
      const all = joinBytes([header, payload]) as Uint8Array<ArrayBuffer>;
      assertEquals(await exchange(balance.port, [all]), payload);
    }
  }
});

t("a header may arrive in two pieces, split at any byte", async () => {
  await using server = echo();
  await using balance = await startBalance(["-f", TRUSTED, "PORT", server.address]);
  for (const header of [v1(CLIENT, SITE), v2(CLIENT, SITE, { crc: true }), v2Local()]) {
    const all = joinBytes([header, PAYLOAD]) as Uint8Array<ArrayBuffer>;
    const splits = Array.from({ length: header.length + 2 }, (_, at) => at).slice(1);
    const received = await Promise.all(
      splits.map((at) => exchange(balance.port, [all.slice(0, at), all.slice(at)], 30)),
    );
    for (const bytes of received) assertEquals(bytes, PAYLOAD);
    assertEquals(received.length, header.length + 1);
  }
  const bytewise = Array.from(
    joinBytes([v1(CLIENT, SITE), PAYLOAD]),
    (byte) => Uint8Array.of(byte),
  );
  assertEquals(await exchange(balance.port, bytewise), PAYLOAD);
});

t("a header from a peer that is not in the list is payload, and not believed", async () => {
  await using server = echo();
  const args = ["--accept-proxy=10.0.0.0/8", "--deny=192.0.2.0/24"];
  await using balance = await startBalance(["-f", ...args, "PORT", server.address]);
  for (const header of HEADERS) {
    const all = joinBytes([header, PAYLOAD]) as Uint8Array<ArrayBuffer>;
    assertEquals(await exchange(balance.port, [all.slice(0, 9), all.slice(9)], 5), all);
  }
});

t("a backend that speaks first is heard before the client has sent anything", async () => {
  await using server = named("B0");
  await using balance = await startBalance(["-f", TRUSTED, "PORT", server.address]);
  for (const header of HEADERS) {
    await using client = await connect(balance.port);
    await client.send(header);
    assertEquals(await readText(client, 3), "B0\n");
    await client.send("hello");
    await client.closeWrite();
    assertEquals((await readToEnd(client)).text, "hello");
  }
});

t("a half-close right after the header is passed on", async () => {
  await using server = backend(async (conn) => {
    const { text } = await readToEnd({ read: (buffer) => conn.read(buffer) });
    await conn.write(toBytes(`${text.length} bytes`));
  });
  await using balance = await startBalance(["-f", TRUSTED, "PORT", server.address]);
  for (const header of HEADERS) {
    for (const payload of ["", "some"]) {
      const all = joinBytes([header, toBytes(payload)]) as Uint8Array<ArrayBuffer>;
      const answer = new TextDecoder().decode(await exchange(balance.port, [all]));
      assertEquals(answer, `${payload.length} bytes`);
    }
  }
});

t("a client that half-closes with its header does not wait in line for long", async () => {
  await using server = echo();
  const channel = `${server.address}:1`;
  await using balance = await startBalance(["-f", TRUSTED, "--wait=30", "PORT", channel]);
  await using first = await connect(balance.port);
  await first.send(joinBytes([v1(CLIENT, SITE), toBytes("x")]) as Uint8Array<ArrayBuffer>);
  assertEquals(await readText(first, 1), "x");
  // Otherwise it would wait for longer than a read may take.
  assertEquals((await exchange(balance.port, [v1(CLIENT, SITE)])).length, 0);
});

t(
  "the client of the header decides a hash, and a LOCAL connection is one of the peer",
  async () => {
    await using backends = namedBackends(5);
    const channels = [...backends.addresses, "%"];
    await using proxied = await startBalance(["-f", TRUSTED, "PORT", ...channels]);
    await using direct = await startBalance(["-f", "PORT", ...channels]);
    const found = new Set<string>(),
      ask = async (port: number, header: Uint8Array<ArrayBuffer>) =>
        new TextDecoder().decode(await exchange(port, [header]));
    for (let i = 0; i < 20; i++) {
      const client = { address: `10.1.${i}.7`, port: 1000 + i };
      const one = await ask(proxied.port, v1(client, SITE));
      assertEquals(await ask(proxied.port, v2(client, SITE)), one);
      found.add(one);
    }
    assertEquals(found.size > 1, true);
    assertEquals(await ask(proxied.port, v2Local()), await ask(direct.port, new Uint8Array()));
  },
);
