/** Two balances, one after the other: the client keeps its address, and nobody can claim another. */

import { assertEquals } from "@std/assert";
import { exchange, readExactly, readText, readToEnd } from "../../helpers/net/client.ts";
import { backend, hasIpv6 } from "../../helpers/net/backends.ts";
import { startControlled } from "../../helpers/program/start_controlled.ts";
import { connections, dial } from "../../helpers/proxy_protocol/dial.ts";
import { headerBackend } from "../../helpers/proxy_protocol/header_backend.ts";
import {
  type Address,
  UNIQUE_ID,
  v1,
  v2,
  v2Local,
  withPayload,
} from "../../helpers/proxy_protocol/reference.ts";
import { skip, t } from "../../helpers/t.ts";

const HOSTS = hasIpv6 ? ["127.0.0.5", "::1"] : ["127.0.0.5"];
const TRUSTED = ["--accept-proxy", "127.0.0.1,::1"];
const V4 = [{ address: "192.0.2.1", port: 56324 }, { address: "198.51.100.7", port: 443 }] as const;
const V6 = [{ address: "2001:db8::1", port: 1 }, { address: "2001:db8::2", port: 65535 }] as const;
/** A client of IPv4 that a proxy has on a socket of IPv6. */
const MAPPED = [{ address: "::ffff:192.0.2.1", port: 7 }, V6[1]] as const;
const bytesOf = (text: string) => new TextEncoder().encode(text);

t("a chain of two balances keeps the addresses of the client, in all versions", async () => {
  // It speaks first, so that headers arrive without any byte of the client.
  await using server = headerBackend({ greeting: "!" });
  await using last = await startControlled([
    ...["-f", ...TRUSTED, "PORT"],
    ...["v1", "v2,id"].map((how) => `${server.address},send-proxy=${how}`),
  ]);
  for (const hostname of HOSTS) {
    const isV6 = hostname === "::1";
    await using first = await startControlled([
      ...["-f", ...(isV6 ? ["-b", "::1"] : []), "--send-proxy", "v2", "PORT"],
      ...["v1", "v2", "v2,id"].map((how) => `127.0.0.1:${last.port},send-proxy=${how}`),
    ], isV6 ? { address: "::1" } : {});
    for (let i = 0; i < 6; i++) {
      using client = await dial(hostname, first.port);
      assertEquals(await readText(client.conn, 1), "!");
      const header = server.headers.at(-1)!;
      assertEquals([header.source, header.destination], [client.source, client.destination]);
      const [inLast] = (await connections(last.socket))
        .filter(({ client: { port } }) => port === client.source.port);
      assertEquals(inLast?.client, client.source);
      assertEquals(inLast?.listener, client.destination);
      const [inFirst] = (await connections(first.socket))
        .filter(({ client: { port } }) => port === client.source.port);
      assertEquals(inLast?.peer, inFirst?.local);
      const id = header.tlvs.find(({ type }) => type === UNIQUE_ID)?.value;
      assertEquals(
        id && new TextDecoder().decode(id),
        i % 2 === 0 ? undefined : String(inLast?.id),
      );
    }
  }
  assertEquals(server.faults, []);
});

t("every family comes out as it came in, and LOCAL as the peer", async () => {
  await using server = headerBackend();
  await using balance = await startControlled([
    ...["-f", ...TRUSTED, "PORT"],
    ...["v1", "v2", "v2,id"].map((how) => `${server.address},send-proxy=${how}`),
  ]);
  const plain = ({ address, port }: Address) => ({ address: address.replace("::ffff:", ""), port });
  for (const [source, destination] of [V4, V6, MAPPED]) {
    for (const header of [v1(source, destination), v2(source, destination, { crc: true })]) {
      for (let channel = 0; channel < 3; channel++) {
        using client = await dial("127.0.0.1", balance.port, withPayload(header, "hello"));
        assertEquals(await readText(client.conn, 5), "hello");
        const sent = server.headers.at(-1)!;
        const all = await connections(balance.socket);
        // The one before may still be closing.
        const shown = all.find(({ peer }) => peer?.port === client.source.port);
        assertEquals(shown?.client, plain(source));
        assertEquals([plain(sentAddress(sent.source)), sent.destination], [
          plain(source),
          destination,
        ]);
        await client.conn.closeWrite();
        await readToEnd(client.conn);
      }
    }
  }
  for (
    const header of [v2Local(), bytesOf("PROXY UNKNOWN\r\n"), bytesOf("PROXY UNKNOWN ? 1\r\n")]
  ) {
    using client = await dial("127.0.0.1", balance.port, withPayload(header, "hello"));
    assertEquals(await readText(client.conn, 5), "hello");
    const { source, destination } = server.headers.at(-1)!;
    assertEquals([source, destination], [client.source, client.destination]);
  }
  assertEquals(server.faults, []);
});

/** An address of a header, in the form that the URL standard gives a mapped one turned back. */
function sentAddress(address: Address | undefined): Address {
  const mapped = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(address?.address ?? "");
  if (address === undefined || mapped === null) return address ?? { address: "", port: -1 };
  const [high, low] = [parseInt(mapped[1]!, 16), parseInt(mapped[2]!, 16)];
  return { ...address, address: [high >> 8, high & 255, low >> 8, low & 255].join(".") };
}

t(
  "a header that a client makes up reaches the backend as payload, and is never believed",
  async () => {
    await using server = headerBackend();
    await using trusting = await startControlled([
      ...["-f", ...TRUSTED, "--send-proxy", "v2", "PORT", server.address],
    ]);
    await using edge = await startControlled([
      ...["-f", "--send-proxy", "v1", "PORT", `127.0.0.1:${trusting.port}`],
    ]);
    for (const spoofed of [v1(...V4), v2(...V4), v2(...V6, { crc: true }), v2Local()]) {
      const payload = withPayload(spoofed, withPayload(spoofed, "hello"));
      using client = await dial("127.0.0.5", edge.port, payload);
      assertEquals(await readExactly(client.conn, payload.length), payload);
      const { source, destination } = server.headers.at(-1)!;
      assertEquals([source, destination], [client.source, client.destination]);
    }
    assertEquals(server.faults, []);
  },
);

t("a header from a peer outside the list is passed on byte for byte", async () => {
  const received: Uint8Array[] = [];
  await using server = backend(async (conn) => {
    received.push((await readToEnd(conn)).bytes);
  });
  await using balance = await startControlled([
    ...["-f", "--accept-proxy", "127.0.0.2,10.0.0.0/8", "PORT", server.address],
  ]);
  for (const spoofed of [v1(...V4), v2(...V6, { crc: true }), v2(...V4).slice(0, 20)]) {
    using client = await dial("127.0.0.1", balance.port, spoofed);
    await client.conn.closeWrite();
    await readToEnd(client.conn);
    assertEquals(received.at(-1), spoofed);
  }
});

const PEER = "a peer of IPv4 on a listener of IPv6 is found in the list";
if (!hasIpv6) skip(PEER, "no IPv6 on this machine");
else {t(PEER, async () => {
    await using server = headerBackend();
    await using balance = await startControlled([
      ...["-f", "-6", "--accept-proxy", "127.0.0.1", "--send-proxy", "v2", "PORT", server.address],
    ], { address: "::" });
    const sent = withPayload(v1(...V4), "hello");
    {
      using client = await dial("127.0.0.1", balance.port, sent);
      assertEquals(await readText(client.conn, 5), "hello");
    }
    assertEquals([server.headers[0]?.source, server.headers[0]?.destination], [...V4]);
    // LOCAL counts as the peer, with an address of IPv4.
    await exchange(balance.port, v2Local());
    assertEquals(server.headers[1]?.source?.address, "127.0.0.1");
    assertEquals(server.headers[1]?.destination, { address: "127.0.0.1", port: balance.port });
  });}
