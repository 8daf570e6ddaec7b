import { assertEquals } from "@std/assert";
import { localHeader, proxyHeader } from "../../../lib/proxy_protocol/build_header.ts";
import type { HeaderForm } from "../../../lib/proxy_protocol/send_proxy.ts";
import { decode } from "../../helpers/proxy_protocol/reference.ts";
import { t } from "../../helpers/t.ts";

const NONE = { permissions: "none" } as const;
const SIGNATURE = "0d0a0d0a000d0a515549540a";

function text(client: string, listener: string): string {
  return new TextDecoder().decode(proxyHeader("v1", proxied(client, listener)));
}

function hex(form: HeaderForm, client: string, listener: string): string {
  return proxyHeader(form, proxied(client, listener)).toHex();
}

function proxied(client: string, listener: string) {
  return {
    id: 4_294_967_295,
    client: { address: client, port: 56324 },
    listener: { address: listener, port: 443 },
  };
}

t("version 1 is the line of section 2.1 of the specification", () => {
  assertEquals(
    text("192.168.0.1", "192.168.0.11"),
    "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
  );
  assertEquals(text("2001:db8::1", "::1"), "PROXY TCP6 2001:db8::1 ::1 56324 443\r\n");
  const all = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  assertEquals(text(all, all).length, 102);
  assertEquals(new TextDecoder().decode(localHeader("v1")), "PROXY UNKNOWN\r\n");
}, NONE);

t("version 2 is that of section 2.2 of the specification", () => {
  assertEquals(
    hex("v2", "192.0.2.1", "198.51.100.7"),
    `${SIGNATURE}2111000cc0000201c6336407dc0401bb`,
  );
  assertEquals(
    hex("v2", "2001:db8::1", "::1"),
    `${SIGNATURE}21210024${"20010db8000000000000000000000001"}` +
      `${"00000000000000000000000000000001"}dc0401bb`,
  );
  assertEquals(localHeader("v2").toHex(), `${SIGNATURE}20000000`);
  assertEquals(localHeader("v2,id").toHex(), `${SIGNATURE}20000000`);
}, NONE);

t("with id, version 2 has the number of the connection in the TLV UNIQUE_ID", () => {
  const id = new TextEncoder().encode("4294967295").toHex();
  assertEquals(
    hex("v2,id", "192.0.2.1", "198.51.100.7"),
    `${SIGNATURE}21110019c0000201c6336407dc0401bb05000a${id}`,
  );
}, NONE);

t("an IPv4-mapped address is IPv4, and addresses of two families are both IPv6", () => {
  const line = "PROXY TCP4 10.0.0.1 10.0.0.2 56324 443\r\n";
  assertEquals(text("::ffff:10.0.0.1", "10.0.0.2"), line);
  assertEquals(
    text("10.0.0.1", "2001:db8::2"),
    "PROXY TCP6 ::ffff:a00:1 2001:db8::2 56324 443\r\n",
  );
  assertEquals(
    hex("v2", "2001:db8::2", "10.0.0.1"),
    `${SIGNATURE}2121002420010db8000000000000000000000002` +
      "00000000000000000000ffff0a000001dc0401bb",
  );
}, NONE);

t("a scope is not sent", () => {
  assertEquals(text("fe80::1%eth0", "fe80::2%2"), "PROXY TCP6 fe80::1 fe80::2 56324 443\r\n");
}, NONE);

t("the reference reads every header, with any address and any port", () => {
  let seed = 1;
  const random = (below: number) => {
    seed = Math.imul(seed, 1103515245) + 12345 >>> 0;
    return (seed >>> 8) % below;
  };
  const v4 = () => [0, 0, 0, 0].map(() => random(256)).join(".");
  // The long form is valid, and many zeros make `::`.
  const v6 = () =>
    Array.from({ length: 8 }, () => (random(2) * random(65536)).toString(16)).join(":");
  for (let i = 0; i < 3000; i++) {
    const form = (["v1", "v2", "v2,id"] as const)[i % 3]!, address = i % 2 === 0 ? v4 : v6;
    const client = { address: address(), port: random(65536) };
    const listener = { address: address(), port: random(65536) };
    const header = proxyHeader(form, { id: i + 1, client, listener }), found = decode(header)!;
    assertEquals([found.length, found.command], [header.length, "PROXY"]);
    const short = (text: string) =>
      text.includes(":") ? new URL(`http://[${text}]/`).hostname : text;
    assertEquals(
      [found.source, found.destination].map((one) => [short(one!.address), one!.port]),
      [client, listener].map(({ address, port }) => [short(address), port]),
    );
    const ids = form === "v2,id" ? [`${i + 1}`] : [];
    assertEquals(found.tlvs.map(({ value }) => new TextDecoder().decode(value)), ids);
  }
}, NONE);
